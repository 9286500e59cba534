"""A model server's times, fitted to a load that was designed for it: groups of requests that were sent together, and nothing beside them.

Two kinds of points tell of an iteration, alpha + beta × (answers) + prefill × (prompt tokens read) + gamma × (tokens in memory):

    between tokens, n answers at once:      s = alpha + beta·n + gamma·m
    to the first token, one request alone:  s = network + alpha·c + prefill·p + gamma·m

c: iterations that read the prompt, `chunk` tokens each; p: prompt tokens that no cache held; m: tokens in memory as iterations begin,
summed up. Both are fitted together. How long several at once wait for their first token is foretold, and not fitted.
What must not live here: sending requests, clocks, files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from roteiro.analysis.iteration import non_negative

__all__ = ["NAMES", "Cell", "Estimate", "Group", "Heard", "ServerFit", "Spread", "TooFewError", "fit_server"]

Values = npt.NDArray[np.float64]
NAMES: Final = ("alpha", "beta", "prefill", "gamma", "network")
FOLDS: Final = 5
LEAST_BETWEEN, LEAST_FIRST = 6, 4
"""Points of each kind without which nothing is fitted."""
LEAST_PIECES: Final = 4
"""Pieces of an answer in a window without which it tells no time between tokens."""
JUMP_OF_LIFE, JUMP_OF_FIRST = 0.5, 1.25
"""From the wave of first tokens to the next first token, at least: of an answer's life, and of the first token's time of one alone."""


class TooFewError(ValueError):
    """What was measured does not tell the parameters. The message says what lacks."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: seconds from the group's send to each of its pieces; tokens of its prompt, of these from a cache, of its answer."""

    pieces_s: tuple[float, ...]
    input_tokens: int
    cached_tokens: int
    output_tokens: int

    @property
    def first_s(self) -> float:
        return self.pieces_s[0]

    @property
    def last_s(self) -> float:
        return self.pieces_s[-1]


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that were sent together, while nothing else ran. `asked`: input tokens meant, a label."""

    asked: int
    answers: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A parameter in seconds, and its 95 % interval. NaN bounds: it is 0, at its bound, and nothing is known of its error."""

    name: str
    value_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Sizes of relative errors over so many points; NaN without any."""

    points: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured of requests of one length, so many at once: medians in seconds, NaN where nothing tells."""

    input_tokens: int
    at_once: int
    groups: int
    first_s: float
    between_s: float


@dataclass(frozen=True, slots=True)
class ServerFit:
    """`fitted`: errors of all points; `held_out`: of each point by a fit that had not seen its fifth of the points; `several`: of times to
    the last first token of several at once, which were not fitted. `batch`: answers that it works at together, None where it was not met
    by `tried` at once."""

    parameters: tuple[Estimate, ...]
    between: int
    first: int
    fitted: Spread
    held_out: Spread
    several: Spread
    batch: int | None
    tried: int
    chunk: int
    cells: tuple[Cell, ...]

    def value(self, name: str) -> float:
        """A parameter's seconds."""
        return next(one.value_s for one in self.parameters if one.name == name)


def wave_of(group: Group) -> int:
    """How many had their first token before any had ended."""
    end = min(one.last_s for one in group.answers)
    return sum(one.first_s <= end for one in group.answers)


def alone_of(groups: Sequence[Group]) -> dict[int, float]:
    """Median time to the first token of one alone, by the length asked."""
    lengths = {group.asked for group in groups}
    found = {n: [g.answers[0].first_s for g in groups if g.asked == n and len(g.answers) == 1] for n in lengths}
    return {n: float(np.median(times)) for n, times in found.items() if times}


def batch_of(groups: Sequence[Group]) -> int | None:
    """Answers worked at together: the largest wave, where those beyond it had to wait for an answer's end."""
    most = max((wave_of(group) for group in groups), default=0)
    alone = alone_of(groups)
    beyond = [group for group in groups if len(group.answers) > most]
    jumps = 0
    for group in beyond:
        wave, firsts = wave_of(group), sorted(one.first_s for one in group.answers)
        gap = firsts[wave] - firsts[wave - 1]
        life = min(one.last_s - one.first_s for one in group.answers)
        jumps += gap > JUMP_OF_LIFE * life and gap > JUMP_OF_FIRST * alone.get(group.asked, 0.0)
    return most if beyond and 2 * jumps > len(beyond) else None


def between_point(group: Group, batch: int | None) -> tuple[float, float, float] | None:
    """(answers, tokens in memory, seconds between tokens) while all of the wave wrote and none read; None where there was no such time."""
    wave = wave_of(group)
    if wave < len(group.answers) and wave != batch:
        return None  # who was not in the wave read a prompt meanwhile
    firsts = sorted(group.answers, key=lambda one: one.first_s)[:wave]
    start, end = firsts[-1].first_s, min(one.last_s for one in firsts)
    gaps, memory = [], 0.0
    for one in firsts:
        inside = [i for i, at in enumerate(one.pieces_s) if start <= at <= end]
        if len(inside) <= LEAST_PIECES:
            return None
        a, b = inside[0], inside[-1]
        tokens = max(one.output_tokens, 1) / len(one.pieces_s)  # a piece may hold several
        gaps.append((one.pieces_s[b] - one.pieces_s[a]) / ((b - a) * tokens))
        memory += one.input_tokens + 0.5 * (a + b) * tokens
    seconds = float(np.mean(gaps))
    return (float(wave), memory, seconds) if seconds > 0.0 else None


def row_between(answers: float, memory: float) -> list[float]:
    return [1.0, answers, 0.0, memory, 0.0]


def row_first(prompt: int, cached: int, chunk: int) -> list[float]:
    """One alone: `prompt` tokens that are read, on top of those that a cache held."""
    steps = max(1, math.ceil(prompt / chunk))
    memory = sum(min(k * chunk, prompt) + cached for k in range(steps))
    return [float(steps), 0.0, float(prompt), float(memory), 1.0]


def row_last_first(group: Group, chunk: int) -> list[float]:
    """The last first token of several: the first comes alone to an idle server, the rest are read as one queue while it writes."""
    prompts = [max(one.input_tokens - one.cached_tokens, 1) for one in sorted(group.answers, key=lambda one: one.first_s)]
    lead, rest = row_first(prompts[0], 0, chunk), sum(prompts[1:])
    steps = max(1, math.ceil(rest / chunk))
    writers, memory, ends = 0.0, 0.0, np.cumsum(prompts[1:])
    for k in range(steps):
        writers += 1.0 + float((ends <= k * chunk).sum())
        memory += prompts[0] + min(k * chunk, rest)
    return [lead[0] + steps, writers, float(sum(prompts)), lead[3] + memory, 1.0]


def spread_of(relative: Values) -> Spread:
    if not len(relative):
        return Spread(0, math.nan, math.nan)
    return Spread(len(relative), float(np.quantile(relative, 0.5)), float(np.quantile(relative, 0.95)))


def held_out(rows: Values, seconds: Values, kinds: Values) -> Values:
    """Each point's relative error by a fit to the other folds. Folds take turns within each kind of points."""
    turn = np.zeros(len(rows), np.int64)
    for kind in np.unique(kinds):
        own = np.flatnonzero(kinds == kind)
        turn[own] = np.arange(len(own)) % FOLDS
    errors = np.zeros(len(rows))
    for fold in range(FOLDS):
        away = turn == fold
        values, _, _ = non_negative(rows[~away], seconds[~away])
        errors[away] = np.abs(rows[away] @ values / seconds[away] - 1.0)
    return errors


def cells_of(groups: Sequence[Group], batch: int | None) -> tuple[Cell, ...]:
    found = []
    for asked, at_once in sorted({(group.asked, len(group.answers)) for group in groups}):
        own = [group for group in groups if (group.asked, len(group.answers)) == (asked, at_once)]
        between = [point[2] for group in own if (point := between_point(group, batch)) is not None]
        tokens = int(np.median([one.input_tokens for group in own for one in group.answers]))
        first = float(np.median([one.first_s for group in own for one in group.answers]))
        found.append(Cell(tokens, at_once, len(own), first, float(np.median(between)) if between else math.nan))
    return tuple(found)


def fit_server(groups: Sequence[Group], *, chunk: int = 512) -> ServerFit:
    """Fit the parameters of an iteration and the network's part. `chunk`: prompt tokens that one iteration reads at most.

    Raises TooFewError where the groups do not tell them.
    """
    batch = batch_of(groups)
    between = [point for group in groups if (point := between_point(group, batch)) is not None]
    single = [group.answers[0] for group in groups if len(group.answers) == 1 and group.answers[0].first_s > 0.0]
    lacks = []
    if len(between) < LEAST_BETWEEN:
        lacks.append(f"{len(between)} groups tell the time between tokens, of at least {LEAST_BETWEEN}")
    if len({answers for answers, _, _ in between}) < 2:
        lacks.append("the time between tokens is not known for two numbers of answers at once")
    if len(single) < LEAST_FIRST or len({group.asked for group in groups if len(group.answers) == 1}) < 2:
        lacks.append(f"{len(single)} requests alone tell the time to the first token, of at least {LEAST_FIRST} of two lengths")
    if lacks:
        raise TooFewError("; ".join(lacks))
    reads = [(max(one.input_tokens - one.cached_tokens, 1), one.cached_tokens) for one in single]
    rows = np.array(
        [row_between(answers, memory) for answers, memory, _ in between] + [row_first(prompt, cached, chunk) for prompt, cached in reads]
    )
    seconds = np.array([point[2] for point in between] + [one.first_s for one in single])
    kinds = np.array([0.0] * len(between) + [1.0] * len(single))
    values, errors, relative = non_negative(rows, seconds)
    wide = float(stdtrit(max(len(rows) - int((values > 0.0).sum()), 1), 0.975))
    told = tuple(
        Estimate(name, float(value), max(0.0, float(value - wide * error)), float(value + wide * error))
        if not math.isnan(error)
        else Estimate(name, float(value), math.nan, math.nan)
        for name, value, error in zip(NAMES, values, errors, strict=True)
    )
    several = [group for group in groups if len(group.answers) > 1 and wave_of(group) == len(group.answers)]
    foretold = np.array([row_last_first(group, chunk) for group in several]).reshape(-1, len(NAMES)) @ values
    measured = np.array([max(one.first_s for one in group.answers) for group in several])
    return ServerFit(
        told, len(between), len(single), spread_of(relative), spread_of(held_out(rows, seconds, kinds)),
        spread_of(np.abs(foretold / measured - 1.0)), batch, max(len(group.answers) for group in groups), chunk, cells_of(groups, batch),
    )  # fmt: skip
