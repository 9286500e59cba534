"""Queues in SimPy and in ciw: other people's event loops, that ours is held to where no formula is known.

One queue in each: servers that are alike, classes of which the lower number goes first and never interrupts a service, and customers who
leave when their patience ends. Times in seconds.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ciw
import numpy as np
import numpy.typing as npt
import simpy

from roteiro.simulator import table

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Waits:
    """A customer each, in order of arrival: seconds in the queue (whoever left waited as long as the patience), served or not, the class."""

    waited: Floats
    served: npt.NDArray[np.bool_]
    kind: npt.NDArray[np.int64]

    def means(self) -> dict[str, float]:
        """The mean wait of each class's served, and the share of each class that left."""
        found = {}
        for kind in np.unique(self.kind).tolist():
            of_kind = self.kind == kind
            found[f"wait {kind}"] = float(self.waited[of_kind & self.served].mean())
            found[f"left {kind}"] = 1.0 - float(self.served[of_kind].mean())
        return found


def drawn(quantiles: table.Table, draws: np.random.Generator, n: int) -> Floats:
    """From the very distribution that the simulator's table is, by NumPy's draws."""
    return np.interp(draws.random(n), table.SHARES, quantiles)


def in_simpy(arrivals: Floats, services: Floats, servers: int, kinds: npt.NDArray[np.int64], patience: float | None = None) -> Waits:
    """These customers through a `PriorityResource`."""
    world = simpy.Environment()
    desk = simpy.PriorityResource(world, servers)
    waited, served = np.zeros(len(arrivals)), np.zeros(len(arrivals), np.bool_)

    def customer(n: int, came: float, service: float, kind: int) -> Any:
        with desk.request(priority=kind) as turn:
            yield turn if patience is None else turn | world.timeout(patience)
            waited[n] = world.now - came
            if turn.triggered:
                served[n] = True
                yield world.timeout(service)

    def source() -> Any:
        for n, (came, service, kind) in enumerate(zip(arrivals.tolist(), services.tolist(), kinds.tolist(), strict=True)):
            yield world.timeout(came - world.now)
            world.process(customer(n, came, service, kind))

    world.process(source())
    world.run()
    return Waits(waited, served, kinds)


class Drawn(ciw.dists.Distribution):  # type: ignore[misc]
    """A table's distribution as one of ciw's."""

    def __init__(self, quantiles: table.Table) -> None:
        self.quantiles = quantiles

    def sample(self, t: float | None = None, ind: Any = None) -> float:
        return float(np.interp(random.random(), table.SHARES, self.quantiles))


def in_ciw(rates: Sequence[float], service: table.Table, servers: int, customers: int, seed: int, patience: float | None = None) -> Waits:
    """Poisson arrivals of each class until so many have come, and all to their end."""
    names = [str(kind) for kind in range(len(rates))]
    leaving: dict[str, Any] = {}
    if patience is not None:
        leaving["reneging_time_distributions"] = {name: [ciw.dists.Deterministic(patience)] for name in names}
    network = ciw.create_network(
        arrival_distributions={name: [ciw.dists.Exponential(rate)] for name, rate in zip(names, rates, strict=True)},
        service_distributions={name: [Drawn(service)] for name in names},
        number_of_servers=[servers],
        priority_classes={name: kind for kind, name in enumerate(names)},
        **leaving,
    )
    ciw.seed(seed)
    world = ciw.Simulation(network)
    world.simulate_until_max_customers(customers, method="Finish")
    rows = sorted(world.get_all_records(), key=lambda row: row.arrival_date)
    return Waits(
        np.array([row.waiting_time for row in rows]),
        np.array([row.record_type == "service" for row in rows]),
        np.array([int(row.customer_class) for row in rows]),
    )
