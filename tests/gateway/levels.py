"""Objectives as they stand, made up."""

from typing import Any

import msgspec

from roteiro.gateway.service_levels import AlertState, ObjectiveState, ServiceLevels, StepState

ALERT = AlertState(
    alert="14.4x1h", severity="page", burn=14.4, long_window="1h", short_window="5min", long_s=3600.0, short_s=300.0, bound=0.02, lately=0.062,
    long_rate=44.6, short_rate=50.0, firing=False, since_unix_s=None, fired=0,
)  # fmt: skip
FREEZE = StepState(step="90% freeze", spent=0.9, do="freeze", to=("chat",), active=False, since_unix_s=None)
GOLD = ObjectiveState(
    name="gold.availability", sli="availability", promise="availability ≥ 99.9%, month", tier="gold", least=0.999, window="month",
    ends_unix_s=1_793_000_000.0, length_s=30 * 86_400.0, good=9_900, bad=3, run_good=9_900, run_bad=3, spent=0.31, left=0.69,
    exhausted_unix_s=None, alerts=(ALERT,), steps=(FREEZE,),
)  # fmt: skip
LEAKS = msgspec.structs.replace(
    GOLD,
    name="gold.leaks",
    sli="leaks",
    promise="leaks = 0, month",
    least=1.0,
    bad=0,
    run_bad=0,
    spent=None,
    left=None,
    alerts=(),
    steps=(),
)


def levels(*, page: bool = False, freeze: bool = False, leaks: int = 0, **more: Any) -> ServiceLevels:
    gold = msgspec.structs.replace(
        GOLD, alerts=(msgspec.structs.replace(ALERT, firing=page),), steps=(msgspec.structs.replace(FREEZE, active=freeze),), **more
    )
    return ServiceLevels(objectives=(gold, msgspec.structs.replace(LEAKS, run_bad=leaks)), frozen=freeze)
