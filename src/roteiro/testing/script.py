"""A script of faults: phases one after the other, each so many seconds or so many requests long; after the last one all is well.

    - {name: storm, seconds: 20, faults: [{fault: status, status: 503, rate: 0.4}, {fault: slow, factor: 3}]}
    - {requests: 5, faults: [{fault: throttle, wait_s: 2}]}

What must not live here: what a fault does (`fault`), the clock and the draw (given by the sandbox).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from roteiro.terms.error import SettingsError
from roteiro.testing.fault import AnyFault, Quota, Scene, Slow
from roteiro.testing.personality import Personality
from roteiro.testing.quota import QuotaMeter

__all__ = ["Phase", "Player", "Script", "Verdict", "load_script", "read_script"]


class Phase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some faults for a while. Ends after `seconds` or `requests`, whichever comes first; with neither it never ends.

    `closed`: nobody listens, and whoever comes is refused by the system; what is said of faults is then of no matter.
    """

    name: str = ""
    seconds: Annotated[float, Meta(gt=0.0)] | None = None
    requests: Annotated[int, Meta(ge=1)] | None = None
    faults: tuple[AnyFault, ...] = ()
    closed: bool = False
    personality: Personality | None = None
    """Who answers, in place of the sandbox's own."""


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phases in order. `repeat` starts over after the last; else the provider is healthy from then on."""

    phases: tuple[Phase, ...] = ()
    repeat: bool = False


def read_script(text: str | bytes) -> Script:
    """A script from JSON or YAML: a list of phases, or a mapping with `phases` and `repeat`. Raises SettingsError naming what is wrong."""
    try:
        value = YAML(typ="safe", pure=True).load(text)
        return msgspec.convert(_as_mapping(value), Script)
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise SettingsError(f"the script of faults cannot be read: {error}") from error


def load_script(path: Path) -> Script:
    """A script from a file. Raises SettingsError when there is none to read."""
    try:
        return read_script(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"the script of faults {path} cannot be read: {error.strerror}") from error


def _as_mapping(value: Any) -> Any:
    if value is None:
        return {}
    return {"phases": value} if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What strikes one request: the faults to apply in order, and headers that its answer carries in any case."""

    faults: tuple[AnyFault, ...]
    headers: dict[str, str]


class Player:
    """Plays a script: tells for each request what strikes it.

    `always` holds in every phase and after the last. `draw` gives uniform numbers in [0, 1): one is taken for each fault of the phase,
    whether it strikes or not, so that one fault's luck does not shift another's. All faults that only slow down strike together; of the
    others the first that strikes is alone.
    """

    def __init__(self, script: Script, always: tuple[AnyFault, ...], draw: Callable[[], float], now_s: float) -> None:
        self._always, self._draw = always, draw
        self._meters: dict[Quota, QuotaMeter] = {}
        self.load(script, now_s)

    def load(self, script: Script, now_s: float) -> None:
        """Begin another script, from its first phase. Quotas of `always` keep their counts."""
        self.script = script
        self._meters = {quota: meter for quota, meter in self._meters.items() if quota in self._always}
        self._index, self._began_s, self._served = 0, now_s, 0

    @property
    def phase(self) -> Phase | None:
        """The phase of the last request, or None when all is well."""
        return self.script.phases[self._index] if self._index < len(self.script.phases) else None

    def ends_s(self) -> float | None:
        """When the phase of now is over, by the clock of `advance`; None where no time ends it."""
        phase = self.phase
        return None if phase is None or phase.seconds is None else self._began_s + phase.seconds

    def next(self, scene: Scene, tokens: int, now_s: float) -> Verdict:
        """What strikes the next request, which is `tokens` long with its answer."""
        self.advance(now_s)
        self._served += 1
        phase = self.phase
        faults = self._always + (phase.faults if phase else ())
        slow: list[AnyFault] = []
        strike: AnyFault | None = None
        headers: dict[str, str] = {}
        for fault in faults:
            concerned = fault.concerns(scene)
            if isinstance(fault, Quota):
                struck = concerned and self._over(fault, tokens, now_s, headers)
            else:
                struck = self._draw() < fault.rate and concerned
            if struck and isinstance(fault, Slow):
                slow.append(fault)
            elif struck and strike is None:
                strike = fault
        return Verdict((*slow, strike) if strike else tuple(slow), headers)

    def advance(self, now_s: float) -> None:
        """Leave the phases that are over by now."""
        phases = self.script.phases
        if self.script.repeat and phases and all(phase.seconds is not None and phase.requests is None for phase in phases):
            round_s = sum(phase.seconds or 0.0 for phase in phases)
            self._began_s += max(0.0, now_s - self._began_s) // round_s * round_s  # whole rounds at once
        for _ in range(len(phases) + 1):
            phase = self.phase
            if phase is None or not self._is_over(phase, now_s):
                return
            # A timed phase ends on its second, also when no request came then; so the next one begins there and not now.
            ended_s = now_s if phase.seconds is None else min(now_s, self._began_s + phase.seconds)
            self._index, self._began_s, self._served = self._index + 1, ended_s, 0
            if self._index == len(phases) and self.script.repeat:
                self._index = 0

    def _is_over(self, phase: Phase, now_s: float) -> bool:
        timed_out = phase.seconds is not None and now_s - self._began_s >= phase.seconds
        return timed_out or (phase.requests is not None and self._served >= phase.requests)

    def _over(self, quota: Quota, tokens: int, now_s: float, headers: dict[str, str]) -> bool:
        """Count a request against a quota; True when it is over. Adds what the provider tells of it to `headers`."""
        meter = self._meters.get(quota)
        if meter is None:
            meter = self._meters[quota] = QuotaMeter(quota.requests_per_minute, quota.tokens_per_minute, now_s)
        wait_s = meter.take(tokens, now_s)
        headers.update(meter.headers())
        if wait_s > 0.0:
            headers["retry-after"] = str(-int(-wait_s // 1))
            headers["retry-after-ms"] = str(-int(-wait_s * 1000 // 1))
        return wait_s > 0.0
