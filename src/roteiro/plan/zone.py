"""Time zones by their IANA names.

What must not live here: the clock.
"""

from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

from roteiro.plan.near import did_you_mean
from roteiro.plan.quantity import Text, refuse

__all__ = ["ZoneName", "zone_problem"]


def zone_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a time zone, and what would be right; None where it is known. UTC needs no database."""
    if name == "UTC":
        return None
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, a path, a directory
        known = sorted(available_timezones())
        remedy = did_you_mean(name, known, "write for example America/Sao_Paulo") if known else "this machine has no time zones; write UTC"
        return f"is {name[:80]!r}, not a time zone", remedy
    return None


def known_zone(value: str) -> str:
    problem = zone_problem(value)
    if problem is not None:
        raise refuse(*problem)
    return value


ZoneName = Annotated[Text, AfterValidator(known_zone)]
