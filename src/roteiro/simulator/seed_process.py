"""A process that simulates one seed: `python -m roteiro.simulator.seed_process FD`, where the parent's end of a pipe gives the work.

It tells its progress and, last, its result. Ctrl-C is the parent's to handle. When the parent is gone it ends at its next word.
"""

import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from roteiro.simulator.seeds import simulate_one
from roteiro.terms.error import RoteiroError

__all__ = ["main"]


def main(descriptor: int) -> int:
    """Take the work from the pipe, do it, say what came of it → exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe: Connection[Any, Any] = Connection(descriptor)
    try:
        job, seed = pipe.recv()
        try:
            pipe.send(("done", simulate_one(job, seed, lambda *told: pipe.send(("told", told)))))
        except RoteiroError as error:
            pipe.send(("failed", error))
    except (BrokenPipeError, ConnectionResetError, EOFError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
