"""The CSV forms of ServeGen: rates by window, summed over clients or client by client with the process of their arrivals.

ServeGen: Y. Xiang et al., "ServeGen: Workload Characterization and Generation of Large Language Model Serving in Production" (2025). In the
sum, a window of zeros is a gap of the record: missing, not idle. A client that has no row for a window sent nothing in it, unless the
window is missing for all. What must not live here: what is put in the place of a missing window.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.records import DRAWN
from roteiro.simulator.trace_form import ClientRates, Findings, Integers, Rates

__all__ = ["BY_CLIENT", "SUMMED", "read_by_client", "read_summed", "with_clients"]

SUMMED: Final = ("t_s", "rate_rps")
WITH_TOKENS: Final = ("rate_with_token_info_rps", "input_tok_s", "output_tok_s")
BY_CLIENT: Final = ("client", "t_s", "rate_rps", "pattern", "p1")
PATTERNS: Final = {"gamma": 1, "weibull": 3, "poisson": 0, "exponential": 0}
MOST_RATE: Final = 1e9
MOST_WINDOWS: Final = 1_000_000
LEAST_SHAPE, MOST_SHAPE = 0.02, 1e4
"""Shapes of gaps beyond these (variations above some 50, or none to speak of) come of a window with a handful of requests."""


def number(text: str, least: float = 0.0, most: float = MOST_RATE) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and least <= value <= most else None


def cells_at(cells: list[str], header: list[str], names: tuple[str, ...]) -> dict[str, str] | str:
    """The named cells, or what is wrong."""
    if len(cells) < len(header):
        return f"has {len(cells)} cells, too few"
    return {name: cells[header.index(name)].strip() for name in names}


def window_of(times: list[float]) -> float:
    """The length of the windows: the greatest common divisor of their distances, in whole seconds."""
    steps = {round(later - earlier) for earlier, later in pairwise(sorted(set(times)))} - {0}
    return float(math.gcd(*steps)) if steps else 600.0


def read_summed(rows: Iterator[tuple[int, list[str]]], header: list[str], findings: Findings) -> Rates:
    """Rates by window. Raises PlanError where there is none."""
    named = tuple(name for name in (*SUMMED, *WITH_TOKENS) if name in header)
    read: dict[float, tuple[float, ...]] = {}
    for line, cells in rows:
        found = cells_at(cells, header, named)
        if isinstance(found, str):
            findings.bad(line, found)
            continue
        values = {name: number(text) for name, text in found.items()}
        wrong = next((name for name, value in values.items() if value is None), None)
        at = values["t_s"]
        if wrong is not None or at is None:
            findings.bad(line, f"has {found[wrong or 't_s'][:60]!r} {wrong}, not a number from 0 to {MOST_RATE:g}")
        elif at in read:
            findings.bad(line, f"tells the window at {at:g} s a second time", "the first one counts")
        else:
            read[at] = tuple(values.get(name) or 0.0 for name in (SUMMED[1], *WITH_TOKENS))
    if not read:
        raise findings.nothing("window")
    window_s, place, n = windows_of(list(read), findings)
    table = np.zeros((n, 4))
    table[place] = list(read.values())
    rate, known, tokens_in, tokens_out = table.T
    rate = np.where(rate > 0.0, rate, np.nan)
    told = known > 0.0
    means = [np.divide(tokens, known, out=np.full(n, np.nan), where=told & (tokens > 0.0)) for tokens in (tokens_in, tokens_out)]
    rates = Rates(findings.file, window_s, rate, means[0], means[1], start_s=min(read))
    if rates.missing.all():
        raise findings.nothing("window with a rate above 0")
    tell_missing(rates, findings)
    return rates


def windows_of(times: list[float], findings: Findings) -> tuple[float, Integers, int]:
    """(length of a window, the place of each time, how many windows there are)."""
    if any(later < earlier for earlier, later in pairwise(times)):
        findings.warn("W915", "has windows earlier than the row before them", "they are put in order")
    window_s = window_of(times)
    place = np.round((np.array(times) - min(times)) / window_s).astype(np.int64)
    n = int(place.max()) + 1
    if n > MOST_WINDOWS:
        raise findings.nothing(f"sequence of at most {MOST_WINDOWS} windows (they are {window_s:g} s long)")
    return window_s, place, n


def tell_missing(rates: Rates, findings: Findings) -> None:
    missing = int(rates.missing.sum())
    if missing:
        message = f"has no numbers in {missing} of {len(rates.rate_per_s)} windows of {rates.window_s:g} s"
        findings.warn("W920", message, "they are missing, not idle; the same hour of other days stands in, else the windows beside")


def read_by_client(rows: Iterator[tuple[int, list[str]]], header: list[str], findings: Findings) -> Rates:
    """Rates, processes and shapes of each client by window, and their sum. Raises PlanError where there is none."""
    by_client: dict[str, dict[float, tuple[float, int, float]]] = defaultdict(dict)
    times: list[float] = []
    for line, cells in rows:
        row = client_row(cells, header)
        if isinstance(row, str):
            findings.bad(line, row)
            continue
        client, at, told = row
        if at in by_client[client]:
            findings.bad(line, f"tells client {client[:60]} at {at:g} s a second time", "the first one counts")
            continue
        by_client[client][at] = told
        times.append(at)
    if not times:
        raise findings.nothing("window")
    order = sorted(set(times))
    window_s, place, n = windows_of(order, findings)
    place_of = dict(zip(order, place.tolist(), strict=True))
    clients = []
    for name, windows in by_client.items():
        rate, process, shape = np.zeros(n), np.zeros(n, np.int64), np.ones(n)
        for at, values in windows.items():
            k = place_of[at]
            rate[k], process[k], shape[k] = values
        clients.append(ClientRates(name, rate, process, shape))
    summed = np.sum([client.rate_per_s for client in clients], axis=0)
    missing = summed == 0.0
    if missing.all():
        raise findings.nothing("window with a rate above 0")
    blank = np.full(n, np.nan)
    rates = Rates(findings.file, window_s, np.where(missing, np.nan, summed), blank, blank.copy(), tuple(clients), order[0])
    rates = replace(rates, clients=tuple(without(client, missing) for client in clients))
    tell_missing(rates, findings)
    return rates


def client_row(cells: list[str], header: list[str]) -> tuple[str, float, tuple[float, int, float]] | str:
    """(client, time, (rate, process, shape)), or what is wrong."""
    found = cells_at(cells, header, BY_CLIENT)
    if isinstance(found, str):
        return found
    at, rate = number(found["t_s"]), number(found["rate_rps"])
    if at is None or rate is None:
        name = "t_s" if at is None else "rate_rps"
        return f"has {found[name][:60]!r} {name}, not a number from 0 to {MOST_RATE:g}"
    process = PATTERNS.get(found["pattern"].lower(), DRAWN)
    if process == DRAWN:
        return f"has the pattern {found['pattern'][:60]!r}, not Gamma or Weibull"
    shape = number(found["p1"], 1e-9, math.inf)
    if shape is None:
        return f"has {found['p1'][:60]!r} p1, not a shape above 0"
    return found["client"], at, (rate, process, min(max(shape, LEAST_SHAPE), MOST_SHAPE))


def without(client: ClientRates, missing: npt.NDArray[np.bool_]) -> ClientRates:
    return replace(client, rate_per_s=np.where(missing, np.nan, client.rate_per_s))


def with_clients(summed: Rates, by_client: Rates) -> Rates:
    """The clients of one file over the windows of the other, which knows their gaps and tokens. Windows are of one length."""
    n = len(summed.rate_per_s)
    theirs = np.arange(n) + round((summed.start_s - by_client.start_s) / summed.window_s)
    there = (theirs >= 0) & (theirs < len(by_client.rate_per_s))
    place = np.where(there, theirs, 0)

    def moved(one: ClientRates) -> ClientRates:
        rate = np.where(summed.missing, np.nan, np.where(there, one.rate_per_s[place], 0.0))
        return replace(
            one, rate_per_s=np.where(np.isnan(rate) & ~summed.missing, 0.0, rate), process=one.process[place], shape=one.shape[place]
        )

    return replace(summed, file=by_client.file, clients=tuple(moved(one) for one in by_client.clients))
