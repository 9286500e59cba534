"""Tables of events and decisions → frozen results: service levels, cost, traffic, one request's story, a moment of a living server.

An analysis neither knows nor needs to know which world its rows come from.
What must not live here: reading files, clocks, and words for people.
"""

from roteiro.analysis.cost import CostLine, CostReport, cost
from roteiro.analysis.explain import Story, tell
from roteiro.analysis.moment import Moment, moment
from roteiro.analysis.purse import Purse, PurseUse, period_start, purse_use
from roteiro.analysis.sla import Attainment, SlaReport, TierReport, Verdict, attain
from roteiro.analysis.spread import Interval, quantile, wilson
from roteiro.analysis.traffic import TrafficReport, Transition, traffic

__all__ = [
    "Attainment",
    "CostLine",
    "CostReport",
    "Interval",
    "Moment",
    "Purse",
    "PurseUse",
    "SlaReport",
    "Story",
    "TierReport",
    "TrafficReport",
    "Transition",
    "Verdict",
    "attain",
    "cost",
    "moment",
    "period_start",
    "purse_use",
    "quantile",
    "tell",
    "traffic",
    "wilson",
]
