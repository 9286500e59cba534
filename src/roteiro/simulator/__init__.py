"""World two: draws or reads arrivals and service times, and drives the journey on a heap of timers, compiled together with it.

What must not live here: policies, result types that the other world has not (events are the ledger's), and the showing of results.
"""

from roteiro.simulator.demand import Demand
from roteiro.simulator.replay import Replay, replay
from roteiro.simulator.result import Estimate, Measured, measure, over_seeds
from roteiro.simulator.seeds import Job, simulate_seeds
from roteiro.simulator.service import ServiceWorld
from roteiro.simulator.trace import read_trace
from roteiro.simulator.world import Simulation

__all__ = [
    "Demand",
    "Estimate",
    "Job",
    "Measured",
    "Replay",
    "ServiceWorld",
    "Simulation",
    "measure",
    "over_seeds",
    "read_trace",
    "replay",
    "simulate_seeds",
]
