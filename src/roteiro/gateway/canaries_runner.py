"""The process that asks canaries: `python -m roteiro.gateway.canaries_runner --spec FILE --secrets-fd N`.

Round after round, it asks the targets through the gateway itself, under the server's own tenant `canaries`, whose budget the gateway keeps:
where that is spent a round is broken off, and the next one asks again. It also measures the judge on labelled items. What it observes it
says to its parent, a JSON line at a time. What must not live here: what a round is (`canaries_round`), and who starts this.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from roteiro.gateway import logs, semantic_model
from roteiro.gateway.batches_runner import EdgeFile
from roteiro.gateway.canaries_round import Embedding, Finding, Round, TargetAsker
from roteiro.gateway.inner_call import InnerPort
from roteiro.gateway.internal import read_secrets
from roteiro.gateway.judge import JudgeAsker, JudgeSpec, UnavailableError, inner_call
from roteiro.gateway.judge_measuring import measure, unmeasured
from roteiro.gateway.quality_store import Change, QualityStore
from roteiro.providers.lifeline import announce, kill_with_parent
from roteiro.quality.text_distance import trigrams
from roteiro.terms.edge import Edge
from roteiro.terms.error import RoteiroError, SettingsError
from roteiro.terms.own import CANARIES, PINNED
from roteiro.terms.probe import Labelled, Probe

__all__ = ["CHAT", "CanariesSpec", "embedding", "main", "observations"]

log = logging.getLogger("roteiro.gateway")

CHAT: Final = "/v1/chat/completions"
LINE: Final = 200
"""Observations that are said in one line."""
WITHIN_S: Final = 90.0
LOOK_EVERY_S: Final = 0.5
LOOK_AT_JUDGE_S: Final = 60.0


class CanariesSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told. No secrets. Times in seconds."""

    edge: str
    """File with the plan's edge, replaced by renaming."""
    host: str
    """What the clients' port is bound to."""
    port: int
    store: str
    """File of the `QualityStore`."""
    targets: list[str]
    probes: list[Probe]
    every_s: float
    per_round: int
    repeats: int
    false_alarms: float
    compare: str = "auto"
    """`auto` or `characters`, see the plan's `quality.drift`."""
    certificate: str | None = None
    judge: JudgeSpec | None = None
    labelled: list[Labelled] = []
    """What the judge is measured on."""


def embedding(compare: str) -> Embedding:
    """By the model of meaning where it is installed and not declined, else by runs of three characters."""
    if compare == "characters":
        return Embedding("trigrams", trigrams)
    try:
        embed = semantic_model.load()
    except SettingsError:
        return Embedding("trigrams", trigrams)
    return Embedding("e5", embed)


def observations(findings: Sequence[Finding], edge: Edge) -> Iterator[list[Any]]:
    """Findings as the parent takes them: the fields of `Observation` in order, by the indices of the plan in force."""
    targets = {target.name: index for index, target in enumerate(edge.targets)}
    key = edge.key_names.index(f"tenant:{CANARIES}")
    for one in findings:
        route = edge.pinned.get(f"{PINNED}{one.target}")
        if route is not None and one.target in targets:
            yield [int(one.kind), one.value, one.request, key, targets[one.target], route, -1, one.probe, one.version]


def told(change: Change) -> str:
    """A change in a line of the log."""
    if change.kind == "version":
        return f"target {change.target} says that it is {change.after}; it was {change.before}"
    return (
        f"target {change.target} answers otherwise than before, and still says that it is {change.after}: "
        f"{change.feature} is {'larger' if change.up else 'smaller'} (odds of {change.evidence:,.0f} to 1)"
    )


def ask_round(round_: Round, spec: CanariesSpec, probes: Sequence[Probe], edge: EdgeFile) -> None:
    """One round, and what is to be said of it."""
    known = edge()
    targets = [target for target in spec.targets if f"{PINNED}{target}" in known.pinned]
    round_.run(targets, probes, spec.per_round, spec.repeats)
    said = list(observations(round_.findings, known))
    for first in range(0, len(said), LINE):
        sys.stdout.write(msgspec.json.encode({"observations": said[first : first + LINE]}).decode() + "\n")
    sys.stdout.flush()
    for change in round_.changes:
        log.warning("%s", told(change))
    if round_.spent:
        log.warning("the canaries' budget is spent: asking goes on with its next period")
    for target, failed in round_.failed.items():
        log.info("%d canaries got no answer from %s", failed, target)


class Measuring:
    """Measures the judge when it is new, and when it says that it is another."""

    def __init__(self, spec: CanariesSpec, port: InnerPort, store: QualityStore) -> None:
        self._ask = None if spec.judge is None else JudgeAsker(inner_call(port), spec.judge)
        self._items, self._store, self._next_s = spec.labelled, store, 0.0

    def __call__(self, now_s: float) -> None:
        """To be called again and again. Unix seconds."""
        if self._ask is None or not self._items or now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_AT_JUDGE_S
        if not unmeasured(self._store):
            return
        try:
            told = measure(self._ask, self._items, self._store)
        except UnavailableError as error:
            log.warning("the judge cannot be measured, and it is tried again in %g s: %s", LOOK_AT_JUDGE_S, error)
            return
        for one in told:
            log.info(
                "the judge's verdicts (%s) on labelled items: of %d bad %d called bad, of %d good %d called good, %d without a verdict",
                one.kind, one.sensitivity.of, one.sensitivity.right, one.specificity.of, one.specificity.right, one.silent,
            )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Asks until told to stop → exit code: 0 told to; 1 it failed."""
    parser = argparse.ArgumentParser(prog="roteiro-canaries", description="Asks canaries; started by `roteiro serve`.")
    parser.add_argument("--spec", required=True, type=Path)
    parser.add_argument("--secrets-fd", required=True, type=int)
    options = parser.parse_args(arguments)
    logs.begin("canaries")
    kill_with_parent()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    try:
        spec, known = msgspec.json.decode(options.spec.read_bytes(), type=CanariesSpec), read_secrets(options.secrets_fd)
        port = InnerPort(spec.host, spec.port, known.token, spec.certificate)
        asker = TargetAsker(lambda body: port.call(CHAT, body, f"tenant:{CANARIES}", {"x-roteiro-dead-letter": "no"}, WITHIN_S))
        with QualityStore(Path(spec.store)) as store:
            probes, edge = store.numbered(spec.probes), EdgeFile(Path(spec.edge))
            round_ = Round(store, asker, embedding(spec.compare), spec.false_alarms, stopping=stopping.is_set)
            measuring = Measuring(spec, port, store)
            announce(ready=True, pid=os.getpid())
            while not stopping.is_set():
                measuring(time.time())
                last = store.last_round()
                if spec.targets and (last is None or not 0.0 <= time.time() - last[0] < spec.every_s):
                    ask_round(round_, spec, probes, edge)
                    store.forget(time.time())
                else:
                    stopping.wait(min(LOOK_EVERY_S, spec.every_s))
    except (RoteiroError, OSError, msgspec.MsgspecError) as error:
        log.error("canaries cannot be asked: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
