"""What looking at answers costs: a worker's CPU a request, by the share that is looked at; the examiner's a sample. Prints one JSON object.

As `gateway.py` does it: workers on `governed.yaml` with another share each, a fixed provider and wrk; every round asks all of them in turn,
every second round backwards, and ratios are taken round by round. Samples are read and forgotten by this program, on the other core. What
the examiner does with one is timed here, without its process. Wants nginx and wrk (`scripts/install-bench-tools`), and two cores.

`python benchmarks/quality.py [--rounds 7] [--seconds 2] [--only worker examiner]`
"""

import argparse
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rig import PLAN, body, cpu_s, fixed_provider, free_port, missing, pin, show, summary, worker, wrk, wrk_script
from roteiro.gateway.sampler import channel
from roteiro.journey.warm import warm
from roteiro.quality.answered import read_whole
from roteiro.quality.answers import OF_ANSWERS, signals_of
from roteiro.quality.asked import read_asked
from roteiro.quality.language import load_languages
from roteiro.terms.codes import Operation, Signal

SHARES = ("none", "0%", "10%", "100%")
"""`none`: the worker has no channel at all."""
SOURCE = "Em 12 de março de 2024 a Companhia Docas do Porto faturou R$ 1.234.567,89, 12,5% a mais que no ano anterior. "
TEXTS = {
    "short": ("Qual é a capital do Brasil?", "A capital do Brasil é Brasília."),
    "1 KB": ("Resuma o texto. " + "vento e mar " * 75, "O texto fala de vento e de mar, e de como voltam sempre. " * 4),
    "8 KB with sources": (f"<source>{SOURCE * 70}</source> Quanto a companhia faturou?", SOURCE * 4),
}


@contextlib.contextmanager
def forgetting() -> Iterator[int]:
    """The workers' end of a channel whose samples are read and forgotten."""
    ours, theirs = channel()

    def read() -> None:
        with contextlib.suppress(OSError):
            while theirs.recv(1 << 20):
                pass

    threading.Thread(target=read, daemon=True).start()
    with ours, theirs:
        yield ours.fileno()


def by_share(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """As fast as it goes, 32 connections."""
    script, provider = folder / "chat.lua", free_port()
    script.write_text(wrk_script(body()))
    rows: dict[str, list[float]] = {share: [] for share in SHARES}
    with contextlib.ExitStack() as stack:
        stack.enter_context(fixed_provider(folder, provider))
        running = {}
        for share in SHARES:
            name = share.rstrip("%")
            plan = folder / f"{name}.yaml"
            plan.write_text(PLAN.read_text() + (f"quality: {{observe: {share}}}\n" if share != "none" else ""))
            fd = -1 if share == "none" else stack.enter_context(forgetting())
            running[share] = stack.enter_context(worker(folder, name, provider, plan, samples_fd=fd))
        for one in running.values():
            wrk(one.port, script, 1.0)
        for i in range(rounds):
            for share in SHARES[:: 1 if i % 2 == 0 else -1]:
                one = running[share]
                before = cpu_s(one.pid)
                answered = wrk(one.port, script, seconds)
                rows[share].append((cpu_s(one.pid) - before) / answered * 1e6)
    return {
        "cpu_us_a_request": {share: summary(found) for share, found in rows.items()},
        "over_none": {share: summary((a / b for a, b in zip(rows[share], rows["none"], strict=True)), 3) for share in SHARES[1:]},
    }


def of_samples(rounds: int) -> dict[str, Any]:
    """CPU µs for one sample, everything looked for, and for each signal alone."""
    load_languages()
    found: dict[str, Any] = {}
    for name, (question, answer) in TEXTS.items():
        request = json.dumps({"model": "m", "messages": [{"role": "user", "content": question}]}).encode()
        reply = json.dumps({"choices": [{"index": 0, "message": {"content": answer}, "finish_reason": "stop"}]}).encode()

        def looked(wanted: tuple[Signal, ...], request: bytes = request, reply: bytes = reply) -> float:
            began, times = time.process_time(), 40
            for _ in range(times):
                asked, answered = read_asked(request), read_whole(Operation.CHAT, reply)
                assert asked is not None and answered is not None
                list(signals_of(asked, answered, wanted))
            return (time.process_time() - began) / times * 1e6

        signals = {kind.name.lower(): summary((looked((kind,)) for _ in range(rounds)), 0) for kind in OF_ANSWERS}
        found[name] = {"all": summary((looked(OF_ANSWERS) for _ in range(rounds)), 0), "alone": signals}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", nargs="+", choices=("worker", "examiner"), default=("worker", "examiner"))
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if "examiner" in options.only:
        found["examiner_us_a_sample"] = of_samples(options.rounds)
    if "worker" in options.only:
        if (why := missing(("nginx", "wrk", "taskset"))) is not None:
            raise SystemExit(why)
        pin()
        warm()
        with tempfile.TemporaryDirectory() as folder:
            found["worker"] = by_share(Path(folder), options.rounds, options.seconds)
    show(found)


if __name__ == "__main__":
    main()
