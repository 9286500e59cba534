"""What was fitted to a record, made visible: each parameter of each target with its standard error, and what it rests on.

What must not live here: fitting.
"""

from dataclasses import dataclass

__all__ = ["FitReport", "Parameter", "TargetFit"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number with its standard error, NaN where it has none. `unit`: `s`, `s/token`, `1/attempt`, `share`, `tokens`, `slots` …

    `used`: whether it is simulated with; what is not is told all the same.
    """

    name: str
    value: float
    error: float
    unit: str
    used: bool = True


@dataclass(frozen=True, slots=True)
class TargetFit:
    """One target: attempts and answers that it rests on, how it is simulated (`remote`, `own` server, or as the `plan` says)."""

    target: str
    kind: str
    attempts: int
    answers: int
    streams: int
    parameters: tuple[Parameter, ...]
    note: str = ""

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a service world was fitted to, and came to. `weather`: whether the run's own ups and downs come again; `until_s`: the part of
    the run that was looked at."""

    run: str
    weather: bool
    until_s: float
    targets: tuple[TargetFit, ...]
