"""A server with continuous batching fitted to recorded attempts: what an iteration takes, by least squares over whole answers.

An answer's time is a sum of iterations, and an iteration takes alpha + beta × (answers that get a token) + prefill × (prompt tokens read) +
gamma × (tokens in memory), as `batching` simulates it. Of each answer it is known when its first token came and when it ended, and the same
of all who were in the batch with it, so the sums of tokens on the right are known, and the four times follow from linear equations:

    from the first token to the end:  D = alpha·g + beta·(g + o) + prefill·q + gamma·m
    from its seat to the first token: T = network + alpha·c + beta·k·c + prefill·x + gamma·m

g: its tokens after the first; o: tokens that others got meanwhile; q: prompt tokens of others read meanwhile; m: tokens in memory summed
up over iterations; c: iterations that read its prompt, and half of the one under way when it came; k: others that write; x: its prompt
tokens and those of others that are read with it. Seats are given first come first served. What must not live here: draws.
"""

import heapq
import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.fit_report import Parameter
from roteiro.simulator.servers import OwnServers

__all__ = ["Batching", "fit_servers"]

Values = npt.NDArray[np.float64]
ENOUGH: Final = 30
NAMES: Final = ("network_s", "alpha_s", "beta_s", "prefill_s", "gamma_s")
UNITS: Final = ("s", "s", "s/token", "s/token", "s/token")
ROUNDS: Final = 25
HUBER: Final = 1.5


@dataclass(frozen=True, slots=True)
class Batching:
    """A fitted pool, its parameters, and the median size of the relative error of the answers' times."""

    servers: OwnServers
    parameters: tuple[Parameter, ...]
    off: float


def seats_of(sent: Values, ended: Values, seats: int) -> Values:
    """When each attempt got its seat, in the order of `sent`: at once, or when one of those before it left."""
    begun, busy = np.empty(len(sent)), list[float]()
    for i, (at, end) in enumerate(zip(sent.tolist(), ended.tolist(), strict=True)):
        while busy and busy[0] <= at:
            heapq.heappop(busy)
        begun[i] = at if len(busy) < seats else heapq.heappop(busy)
        heapq.heappush(busy, max(end, begun[i]))
    bounded: Values = np.minimum(begun, ended)
    return bounded


def overlap(start: Values, end: Values, i: int, starts: Values, ends: Values) -> Any:
    """Seconds that answer i's span shares with each of the others'."""
    return np.maximum(np.minimum(end[i], ends) - np.maximum(start[i], starts), 0.0)


def equations(good: npt.NDArray[Any], seats: int, chunk: int, heard: Values) -> tuple[Values, Values]:
    """(rows (n, 5) in the order of NAMES, times (n,)): two rows for a stream, one for a whole answer."""
    sent, ended = good["sent_s"], good["ended_s"]
    begun = seats_of(sent, ended, seats)
    prompt = np.maximum(good["input"] - good["cached"], 1).astype(np.float64)
    whole, gaps = good["input"].astype(np.float64), np.maximum(good["output"] - 1, 0).astype(np.float64)
    streamed = (good["stream"] != 0) & (good["heard_s"] > 0.0)
    reading, writing = np.maximum(heard - begun, 1e-9), np.maximum(ended - heard, 1e-9)
    rows, times = [], []
    for i in range(len(good)):
        others = np.flatnonzero((begun < ended[i]) & (ended > begun[i]))
        others = others[others != i]
        tokens = overlap(heard, ended, i, heard[others], ended[others]) * 0.5 * (gaps[i] / writing[i] + gaps[others] / writing[others])
        # A prompt of one chunk is read in the one iteration that ends with its first token; a longer one all along.
        long = prompt[others] > chunk
        part = overlap(heard, ended, i, begun[others], heard[others]) / reading[others]
        read = np.where(long, part, (heard[others] > heard[i]) & (heard[others] <= ended[i])) * prompt[others]
        memory = gaps[i] * (whole[i] + 0.5 * gaps[i]) + float((tokens * (whole[others] + 0.5 * gaps[others])).sum())
        second = np.array([0.0, gaps[i], gaps[i] + tokens.sum(), read.sum(), memory])
        steps = math.ceil(prompt[i] / chunk)
        there = (begun[others] < begun[i]) & (ended[others] > begun[i])
        # Who comes while an iteration is under way waits for its end; who waited for a seat gets it when one has just ended.
        passes = steps + (0.5 if there.any() and begun[i] <= sent[i] else 0.0)
        writers = float((overlap(begun, heard, i, heard[others], ended[others]) / reading[i]).sum())
        part = overlap(begun, heard, i, begun[others], heard[others]) / reading[others]
        beside = np.where(long | (heard[others] != heard[i]), part, 1.0) * prompt[others]
        held = prompt[i] * 0.5 * (steps - 1) + float((whole[others] + 0.5 * gaps[others])[there].sum()) * passes
        first = np.array([float(begun[i] <= sent[i]), passes, passes * writers, prompt[i] + beside.sum(), held])
        if streamed[i]:
            rows += [first, second] if gaps[i] > 0 else [first]
            times += [heard[i] - begun[i], ended[i] - heard[i]] if gaps[i] > 0 else [heard[i] - begun[i]]
        else:
            rows.append(first + second)
            times.append(ended[i] - begun[i])
    return np.array(rows), np.array(times)


def solve(rows: Values, times: Values, use: list[int]) -> tuple[Values, Values]:
    """(values, standard errors) by least squares on errors relative to the *fitted* times, with Huber's weights; what is not in `use` is 0.

    Relative to the measured ones, a slow answer would weigh little and a quick one much, and the fit would lie below the mean by the square
    of the times' own variation. In the end all values are scaled by one factor, so that times add up to what was measured: the robust
    weights find the shape, and what the machine lost now and then is part of its pace.
    """
    weight: Any = np.ones(len(times))
    found: Any = np.zeros(len(use))
    fitted: Values = times
    for _ in range(ROUNDS):
        scaled, aim = rows[:, use] / fitted[:, None], times / fitted
        root = np.sqrt(weight)
        found = np.linalg.lstsq(scaled * root[:, None], aim * root, rcond=None)[0]
        left = aim - scaled @ found
        size = max(1.4826 * float(np.median(np.abs(left))), 1e-6)
        weight = np.minimum(1.0, HUBER * size / np.maximum(np.abs(left), 1e-12))
        fitted = np.maximum(rows[:, use] @ found, 0.1 * times)
    inner = np.linalg.pinv((scaled * weight[:, None]).T @ scaled)
    scores = scaled * (weight * left)[:, None]
    wrong = np.sqrt(np.maximum(np.diag(inner @ (scores.T @ scores) @ inner), 0.0))
    whole = float((rows[:, use] @ found).sum())
    values, errors = np.zeros(len(NAMES)), np.full(len(NAMES), np.nan)
    values[use], errors[use] = found * (float(times.sum()) / whole if whole > 0.0 else 1.0), wrong
    return values, errors


def positive(rows: Values, times: Values) -> tuple[Values, Values]:
    """As `solve`, with what comes out below zero left out one by one, the least sure first: no part of an iteration takes negative time."""
    use = [i for i in range(len(NAMES)) if float(np.abs(rows[:, i]).max(initial=0.0)) > 0.0]
    while True:
        values, errors = solve(rows, times, use)
        below = [i for i in use if values[i] < 0.0]
        if not below or len(use) == 1:
            return np.maximum(values, 0.0), errors
        use.remove(min(below, key=lambda i: float(values[i]) / max(float(errors[i]), 1e-18)))


def fit_servers(good: npt.NDArray[Any], usual: OwnServers) -> Batching | None:
    """Fit one target's answers (`fit_attempts.ATTEMPT`). Seats, chunk and replicas stay as `usual` has them; None where too few tell.

    With several replicas it is not known which one served whom, so only pools of one are fitted.
    """
    if len(good) < ENOUGH or usual.replicas != 1 or usual.most != 1:
        return None
    good = good[np.argsort(good["sent_s"], kind="stable")]
    streamed = (good["stream"] != 0) & (good["heard_s"] > 0.0)
    total = good["ended_s"] - good["sent_s"]
    heard = np.where(streamed, good["heard_s"], good["sent_s"] + total * 0.3)
    values, errors, rows, times = np.zeros(0), np.zeros(0), np.zeros((0, 0)), np.zeros(0)
    for _ in range(1 if streamed.all() else 4):  # when a whole answer's first token came follows from what is found
        rows, times = equations(good, usual.batch, usual.chunk, heard)
        values, errors = positive(rows, times)
        begun = seats_of(good["sent_s"], good["ended_s"], usual.batch)
        reading = values[0] + values[1] + values[3] * np.maximum(good["input"] - good["cached"], 1)
        heard = np.where(streamed, good["heard_s"], np.clip(begun + reading, begun, np.maximum(good["ended_s"] - 1e-6, begun)))
    off = float(np.median(np.abs(rows @ values / times - 1.0)))
    told = tuple(
        Parameter(name, float(value), float(error), unit) for name, value, error, unit in zip(NAMES, values, errors, UNITS, strict=True)
    )
    seats = Parameter("batch", float(usual.batch), math.nan, "slots")
    network_s, alpha_s, beta_s, prefill_s, gamma_s = values.tolist()
    found = replace(usual, network_s=network_s, alpha_s=alpha_s, beta_s=beta_s, prefill_s=prefill_s, gamma_s=gamma_s)
    return Batching(found, (*told, seats), off)
