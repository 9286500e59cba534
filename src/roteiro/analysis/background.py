"""What is known of a series beside its forecast: its anomalies, and which of its days are holidays and what these do to it.

What must not live here: how any of it is found.
"""

from dataclasses import dataclass
from datetime import date

from roteiro.analysis.anomalies import Anomaly
from roteiro.analysis.change_points import Change
from roteiro.analysis.decomposition import Decomposition
from roteiro.analysis.holiday_effect import HolidayEffect

__all__ = ["Background"]


@dataclass(frozen=True, slots=True)
class Background:
    """`holidays`: days of the forecast, with their names; `effect`: what comes on them, None where nobody asked.

    `anomalies`: those of the past; `unlearned`: whether the fit did not see them. `changes`: where level or trend
    became others. `parts`: where an explanation was asked for.
    """

    holidays: tuple[tuple[date, str], ...] = ()
    effect: HolidayEffect | None = None
    anomalies: tuple[Anomaly, ...] = ()
    unlearned: bool = False
    parts: Decomposition | None = None
    changes: tuple[Change, ...] = ()
