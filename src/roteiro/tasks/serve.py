"""Serve a plan: the task behind `roteiro serve`. As a process for tests and demos: `python -m roteiro.tasks.serve PLAN`.

What must not live here: parsing of the command line, and what a server does.
"""

import argparse
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from roteiro.gateway.logs import FORMAT_VARIABLE, begin
from roteiro.gateway.serving import Ready
from roteiro.gateway.supervisor import Supervisor
from roteiro.tasks.plugins import local_model
from roteiro.tasks.settings import Settings
from roteiro.terms.error import PlanError, RoteiroError

__all__ = ["main", "serve"]

log = logging.getLogger("roteiro.serve")


def serve(
    plan_path: Path, settings: Settings, *, on_ready: Callable[[Ready], None] = lambda _: None, say: Callable[[str], None] | None = None
) -> int:
    """Serve until told to stop → exit code: 0 ended in order, 1 broke down or rows wait for the next start, 2 plan or settings.

    `on_ready` is told once, when requests are answered; `say` what takes a while, by default a line on standard error. Problems of the
    plan, all of them, and mistakes in the settings are told on standard error. To be called from the main thread: it takes the signals.
    """
    is_json = settings.log_format == "json"
    tell = say or (log.info if is_json else to_stderr)
    complain = log.error if is_json else to_stderr

    async def supervise() -> int:
        return await Supervisor(plan_path, settings, local_model, say=tell, on_ready=on_ready).run()

    os.environ[FORMAT_VARIABLE] = settings.log_format  # the processes that it starts log alike
    begin("supervisor", settings.log_format)
    try:
        code: int = uvloop.run(supervise())
    except PlanError as error:
        for problem in error.problems:
            complain(str(problem))
        return 2
    except RoteiroError as error:
        complain(str(error))
        return 2
    return code


def to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def announce(ready: Ready) -> None:
    """One JSON line on standard output."""
    words = {"ready": True, **dataclasses.asdict(ready)}
    sys.stdout.write(json.dumps(words, default=str) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Serve with the settings of the environment → exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m roteiro.tasks.serve", description="Serve a plan; settings come from ROTEIRO_* variables."
    )
    parser.add_argument("plan", type=Path)
    options = parser.parse_args(arguments)
    try:
        settings = Settings.read()
    except RoteiroError as error:
        to_stderr(str(error))
        return 2
    return serve(options.plan, settings, on_ready=announce)


if __name__ == "__main__":
    sys.exit(main())
