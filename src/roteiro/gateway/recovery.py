"""What a server that was killed left behind: requests in flight are settled in its block, and the rows in its rings become durable.

What must not live here: torn files of the ledger (its writer mends them).
"""

import logging

from roteiro.gateway.block import Block
from roteiro.gateway.data_directory import DataDirectory, RunDirectory
from roteiro.gateway.scribe import drain_once, write_spec
from roteiro.policy.state import Flowing
from roteiro.terms.codes import Step
from roteiro.terms.error import InvariantError, SettingsError

__all__ = ["recover_runs"]

log = logging.getLogger("roteiro.gateway")


async def recover_runs(data: DataDirectory) -> int:
    """Finish all unfinished runs → how many. One that cannot be finished stays as it is, and the log says why."""
    finished = 0
    for run in data.unfinished_runs():
        try:
            settled = settle(data, run)
        except (SettingsError, InvariantError, OSError) as error:
            log.error("run %s cannot be recovered, its rows stay in %s: %s", run.name, run.block, error)
            continue
        if await drain_once(data, run):
            run.tidy()
            finished += 1
            log.warning("run %s had not ended in order; its last rows are in the ledger, %d requests of it as abandoned", run.name, settled)
    return finished


def settle(data: DataDirectory, run: RunDirectory) -> int:
    """Settle the flows of a run whose processes are all gone, at the last clock reading it saw → how many."""
    block = Block(run.block, run.lock)
    try:
        flows = block.state.flows
        workers = {int(number) for number in flows["worker"][flows["phase"] != Flowing.FREE]}
        settled = sum(int(block.at_rest(Step.REAP, worker)) for worker in sorted(workers))
        write_spec(data, run, block)
        return settled
    finally:
        block.close()
