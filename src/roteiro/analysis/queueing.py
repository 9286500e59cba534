"""Queues in closed form: what waiting there is for a rate of arrivals, service times and servers, without simulating.

The simulator is held against these in tests; capacity is planned with them. Notation is Kendall's. Rates and times share one unit of
time, whichever it is. Sources: Kleinrock, "Queueing Systems", volume 1 (1975), chapters 3 and 5; for the state-dependent queue of batching
servers, the queue analyser of the llm-inferno project (its documentation and published figures).

What must not live here: simulation, and fitting of a server's parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "BATCH_FORMS",
    "BatchServer",
    "Queueing",
    "batch_queue",
    "erlang_b",
    "erlang_c",
    "mg1",
    "mm1",
    "mmc",
    "mmck",
    "most_rate",
    "state_dependent",
]


@dataclass(frozen=True, slots=True)
class Queueing:
    """A queue in the steady state: means over customers that were let in.

    `wait` before service, `service` itself, `response` both; `waiting`, `serving` and `present`: customers at a random moment;
    `delayed`: share of the customers who have to wait; `lost`: share of those who come that are turned away; `throughput`: served a unit
    of time. Where the queue has no steady state `wait`, `response`, `waiting` and `present` are infinite.
    """

    wait: float
    service: float
    response: float
    waiting: float
    serving: float
    present: float
    delayed: float
    lost: float
    throughput: float


def positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0.0:
            raise ValueError(f"{name} is {value}; more than 0")


def erlang_b(servers: int, load: float) -> float:
    """The share of customers that `servers` without a waiting room turn away, under `load` erlangs (rate × mean service time).

    By the recursion B(0) = 1, B(n) = aB(n−1) / (n + aB(n−1)), which neither overflows nor loses digits (A. K. Erlang, 1917).
    """
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """The share of customers who wait for one of `servers`, under `load` erlangs; 1 where there is no steady state (A. K. Erlang, 1917)."""
    if load >= servers:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1.0 - blocked))


def unstable(rate: float, service: float, servers: int) -> Queueing:
    return Queueing(inf, service, inf, inf, float(servers), inf, 1.0, 0.0, min(rate, servers / service))


def mmc(rate: float, service: float, servers: int) -> Queueing:
    """M/M/c: Poisson arrivals at `rate`, exponential service of mean `service`, `servers` servers, an endless queue (Erlang C)."""
    positive(rate=rate, service=service, servers=servers)
    load = rate * service
    if load >= servers:
        return unstable(rate, service, servers)
    delayed = erlang_c(servers, load)
    wait = delayed * service / (servers - load)
    return Queueing(wait, service, wait + service, rate * wait, load, rate * wait + load, delayed, 0.0, rate)


def mm1(rate: float, service: float) -> Queueing:
    """M/M/1: the same with one server."""
    return mmc(rate, service, 1)


def mg1(rate: float, service: float, variation: float) -> Queueing:
    """M/G/1: one server whose service times have any distribution, of coefficient of variation `variation`; 0 is M/D/1, 1 is M/M/1.

    Mean wait = rate × E[S²] / (2 (1 − ρ)) (Pollaczek 1930, Khinchine 1932).
    """
    positive(rate=rate, service=service)
    load = rate * service
    if load >= 1.0:
        return unstable(rate, service, 1)
    wait = rate * service * service * (1.0 + variation * variation) / (2.0 * (1.0 - load))
    return Queueing(wait, service, wait + service, rate * wait, load, rate * wait + load, load, 0.0, rate)


def state_dependent(rate: float, served: Sequence[float] | npt.NDArray[np.float64], most: int) -> Queueing:
    """M/M(n)/1/K: a birth-and-death process that serves at the total rate `served[n − 1]` while n customers are there.

    The last of `served` holds for all larger n: its length is how many are served at once, the others wait. At most `most` are there; who
    comes then is turned away. Probabilities are summed as logarithms, so no rate and no length overflows (Kleinrock 1975, section 3.2).
    """
    positive(rate=rate, most=most)
    rates = np.asarray(served, np.float64)
    at_once = len(rates)
    if not at_once or not (rates > 0.0).all():
        raise ValueError("served has a rate that is not above 0, or none")
    total = np.concatenate([rates, np.full(max(most - at_once, 0), rates[-1])])[:most]
    logs = np.concatenate([[0.0], np.cumsum(np.log(rate / total))])
    share = np.exp(logs - logs.max())
    share /= share.sum()
    n = np.arange(most + 1)
    present, serving = float(share @ n), float(share @ np.minimum(n, at_once))
    throughput = rate * float(1.0 - share[-1])
    response, service = present / throughput, serving / throughput
    # Who comes finds what a random moment finds (Poisson arrivals); of those let in, who finds all places taken waits.
    delayed = float(share[at_once:most].sum()) / float(1.0 - share[-1])
    return Queueing(
        max(response - service, 0.0),
        service,
        response,
        max(present - serving, 0.0),
        serving,
        present,
        delayed,
        float(share[-1]),
        throughput,
    )


def mmck(rate: float, service: float, servers: int, most: int) -> Queueing:
    """M/M/c/K: as M/M/c, with at most `most` customers there, those in service included."""
    positive(rate=rate, service=service, servers=servers)
    return state_dependent(rate, [n / service for n in range(1, min(servers, most) + 1)], most)


# -- a server that works at a batch ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BatchServer:
    """A replica that serves up to `batch` requests together, with `queue` more waiting.

    An iteration takes alpha + beta × tokens computed + gamma × tokens in memory. `input_tokens` and `output_tokens` are means.
    `spread` is the squared coefficient of variation of output lengths: 0 where all are the same, 1 where they are memoryless. An answer
    that is being written is met at a length of (1 + spread) / 2 times the mean (the inspection paradox), which is what memory holds of it.
    """

    alpha: float
    beta: float
    gamma: float
    batch: int
    queue: int
    input_tokens: float
    output_tokens: float
    spread: float = 0.0

    @property
    def each(self) -> float:
        """What each request in the batch adds to an iteration, on average over its own: δ."""
        computed = (self.input_tokens + self.output_tokens) / (self.output_tokens + 1.0)
        return self.beta * computed + self.gamma * (self.input_tokens + self.output_tokens * (1.0 + self.spread) / 2.0)

    @property
    def each_exactly(self) -> float:
        """The same where the iteration that ends the prompt gives the first token: one iteration and one computed token fewer."""
        computed = (self.input_tokens + self.output_tokens - 1.0) / self.output_tokens
        held = self.input_tokens + (self.output_tokens - 1.0) * (1.0 + self.spread) / 2.0
        return self.beta * computed + self.gamma * held * (1.0 - 1.0 / self.output_tokens)


def earlier(server: BatchServer, n: int) -> float:
    return (server.output_tokens + 1.0) * (server.alpha + (n + 1.0) * server.each)


def later(server: BatchServer, n: int) -> float:
    return (server.output_tokens + 1.0) * (server.alpha + n * server.each)


def ours(server: BatchServer, n: int) -> float:
    return server.output_tokens * (server.alpha + n * server.each_exactly)


BATCH_FORMS: Final[dict[str, Callable[[BatchServer, int], float]]] = {"earlier": earlier, "later": later, "ours": ours}
"""How long a request takes while n are in the batch, itself among them, m output tokens each, δ as `BatchServer.each`:

* earlier: (1 + m)(α + (n + 1)δ), one iteration for the prompt and m for the answer, the request's own work counted beside the batch's;
* later: (1 + m)(α + nδ), the same with the request's work counted once, in the batch;
* ours: m(α + nδ'), as `simulator.batching` works: the iteration that ends the prompt gives the first token.
"""


def batch_queue(rate: float, server: BatchServer, form: str = "ours") -> Queueing:
    """A batching server under Poisson arrivals as M/M(n)/1/K: n in the batch are served at the total rate n / time(n), K = batch + queue.

    The unit of time is that of alpha. Exact for `ours` where lengths are memoryless and an iteration's time depends on the batch alone;
    else it takes each state's mean, which is near: a processor that is shared cares little about how lengths are spread.
    """
    time = BATCH_FORMS[form]
    return state_dependent(rate, [n / time(server, n) for n in range(1, server.batch + 1)], server.batch + server.queue)


def most_rate(server: BatchServer, form: str = "ours") -> float:
    """The rate that a full batch serves: beyond it the queue only grows, or turns away."""
    return server.batch / BATCH_FORMS[form](server, server.batch)
