"""The simulated world as records in one block of memory: what arrives, how targets serve, what becomes of each request.

All of a run's state lies in this block and the kernel's, so a run can stop at any happening and go on. Records are reached by address, as
the kernel's are: arrays handed from function to function would count references, which took more than half of the time.
What must not live here: draws.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import JIT, kernel
from roteiro.policy.memory import buffers, record_at
from roteiro.simulator.draw import GENERATOR, seeded
from roteiro.simulator.server_records import REPLICA, SEAT, SERVER, SPOT, TOLD
from roteiro.simulator.table import TABLE
from roteiro.terms.codes import ErrorClass

__all__ = [
    "ARRIVAL",
    "ASKING",
    "ATTEMPTS",
    "BLOCK",
    "CLASSES",
    "DEMAND_DRAWS",
    "DRAWN",
    "GENERATORS",
    "GROUP",
    "HEDGES",
    "HIT",
    "JOINT",
    "JOURNEY_DRAWS",
    "LOOP",
    "MOMENT",
    "MOMENT_BINS",
    "MOMENT_TARGET",
    "OUTAGE_DRAWS",
    "PART",
    "PIECE",
    "PURSE",
    "RETURNS",
    "RETURN_DRAWS",
    "SERVICE",
    "SERVICE_DRAWS",
    "SLICE",
    "TABLES",
    "TIMER",
    "USE",
    "WAY",
    "WEATHER",
    "WORK",
    "Place",
    "Stop",
    "World",
    "arrival_at",
    "asking_of",
    "block_at",
    "build",
    "coming_at",
    "generator_at",
    "group_at",
    "hit_at",
    "joint_at",
    "loop_of",
    "moment_at",
    "moment_target_at",
    "origin_at",
    "part_at",
    "piece_at",
    "purse_at",
    "records_of",
    "return_at",
    "service_at",
    "slice_at",
    "source_at",
    "table_at",
    "timer_at",
    "use_at",
    "way_at",
    "weather_at",
    "work_at",
]

CLASSES: Final = len(ErrorClass)
DRAWN: Final = -1
"""In an arrival or a target: not given, to be drawn."""


def record(*fields: tuple[Any, ...]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


ARRIVAL: Final = record(
    ("at", "f8"), ("key", "i4"), ("route", "i4"), ("asks", "i8"),  # key DRAWN: who asks for what is drawn from the mix
    ("input_estimate", "i4"), ("output_estimate", "i4"),  # what the journey is told at arrival
    ("input", "i4"), ("cached", "i4"), ("output", "i4"), ("reasoning", "i4"),  # what comes of it; output DRAWN: by the target's table
    ("block", "i4"), ("blocks", "i4"),  # its prefix: where its chain begins in `Demand.blocks`, and how many; 0: none is known
)  # fmt: skip

ASKING: Final = record(
    ("key", "i8"), ("route", "i8"), ("asks", "i8"), ("input_estimate", "i8"), ("output_estimate", "i8"),
    ("input", "i8"), ("cached", "i8"), ("output", "i8"), ("reasoning", "i8"),
    ("block", "i8"), ("blocks", "i8"),  # its prefix, as in ARRIVAL
    ("number", "i8"), ("tries", "i8"),  # of the arrival, whatever the plan does; how often its client has come again with it
    ("next", "i8"),  # in the list of free places
    ("luck", "u8"),  # the word that all draws of it follow from (`draw.luck`)
)  # fmt: skip
"""The request that comes now: there is one record of it. Where refused clients come again, those that were sent off are kept so too."""

SLICE: Final = record(
    ("start", "f8"), ("rate", "f8"),  # seconds; arrivals a second
    ("process", "i8"), ("gap_shape", "f8"),  # of the gaps: POISSON, GAMMA or WEIBULL, and the shape of a distribution whose mean is 1
    ("input_factor", "f8"), ("output_factor", "f8"), ("unit", "f8"),  # on lengths; the last is reckoned: 1 / mean of what is drawn raw
    ("row", "i8"), ("rows", "i8"),  # which of the group's joint lengths are drawn now, and how many; 0: as before, all at first
)  # fmt: skip
"""How a client group arrives from `start` on, until the next slice; the last one lasts."""

PIECE: Final = record(("start", "f8"), ("factor", "f8"))
"""The shape that all groups share: a factor on their rates from `start` on."""

GROUP: Final = record(
    ("at", "f8"), ("ends", "f8"), ("gap_s", "f8"),  # next arrival; until when this rate holds; mean gap (NEVER: nothing comes)
    ("process", "i8"), ("gap_shape", "f8"), ("unit", "f8"), ("input_factor", "f8"), ("output_factor", "f8"),  # of the slice that holds
    ("first", "i4"), ("count", "i4"), ("cursor", "i4"), ("piece", "i4"), ("begun", "i4"),  # its slices; its place in the shape
    ("part", "i4"), ("parts", "i4"), ("stream", "f8"),  # its share of the mix's table; share of requests that ask for a stream
    ("kind", "i4"), ("input", "i4"), ("output", "i4"), ("rho", "f8"),  # of lengths: tables, and the copula's correlation
    ("row", "i8"), ("rows", "i8"),  # joint lengths; of recorded arrivals the next one, and where they end
    ("block", "i4"), ("blocks", "i4"),  # shared prefixes
)  # fmt: skip
"""One group of clients, an arrival process of its own; or, of the process TRACE, all recorded arrivals."""

JOINT: Final = record(
    ("input", "i4"), ("output", "i4"), ("cached", "i4"), ("reasoning", "i4"),
    ("block", "i4"), ("blocks", "i4"),  # its prefix, as in ARRIVAL
)  # fmt: skip
"""Lengths of one recorded request and the prefix it shares, which are drawn together."""

BLOCK: Final = record(("below", "f8"), ("what", "i4"), ("tokens", "i4"))
"""A piece of a prompt's beginning, known by `what`. Of a population of prefixes, `below` is the sum of shares up to it."""

USE: Final = record(("at", "f8"))
"""When a target last saw a block."""

PART: Final = record(("below", "f8"), ("key", "i4"), ("route", "i4"), ("asks", "i8"))
"""One share of the mix; `below` is the sum of shares up to it."""

HIT: Final = record(("share", "f8"), ("kind", "i8"), ("output", "i8"))
"""One route: the share of its requests that a cache answers, the `CacheKind` of that, and the table of its answers' lengths."""

SERVICE: Final = record(
    ("ttft", "i4"), ("itl", "i4"), ("output", "i4"), ("most_output", "i4"),
    ("gaps", "i4"),  # 1: each gap is drawn, 0: one draw for all
    ("first", "i4"), ("count", "i4"), ("cursor", "i4"),  # its weather
    ("itl_mean", "f8"), ("midstream", "f8"),  # share of streams that fail after their first byte, among those that fail
    ("token_ttft_s", "f8"),  # a token of the input that its cache has not
    ("ttft_load", "f8"), ("itl_load", "f8"),  # how much slower for each other attempt that it is at; both scale what is drawn
    ("far", "i4"), ("network", "i4"), ("region", "i4"),  # whether there is a way: its table, or DRAWN; of the `ways`, 0 for nowhere
    ("prefix_ttl_s", "f8"),  # how long its cache of prompts keeps what nobody asked for again
    ("request_s", "f8"), ("token_s", "f8"), ("burst_s", "f8"), ("requests_at", "f8"), ("tokens_at", "f8"),  # its own quota; 0: none
    ("window_s", "f8"), ("window", "f8"), ("requests_in", "f8"), ("tokens_in", "f8"),  # where it is counted by windows of the clock
    ("failure", "i4", (CLASSES,)),  # tables of the time to failure
    ("stall", "f8"), ("idle_s", "f8"),  # share of attempts that fall silent and never end; how long a silent stream is borne
    ("pool", "i8"),  # its pool of own servers + 1, or 0
    ("entered", "i8", (3,)), ("state", "i8"),  # how often its breaker entered each state, and which it is in
    ("since", "f8"), ("open_s", "f8"),  # up to when its states are counted; seconds that its breaker was open
    ("good", "f8"), ("judged", "f8"),  # share of answers that are good, and of those that somebody judges
    ("replicas", "i8"),  # of its own servers, at the last tick
)  # fmt: skip

WEATHER: Final = record(
    ("start", "f8"), ("slow_ttft", "f8"), ("slow_itl", "f8"), ("failing", "f8"), ("below", "f8", (CLASSES,)), ("retry_after_ms", "f8"),
    ("breaks", "f8"), ("stops", "f8"), ("stops_as", "i8"), ("down", "i8"),
)  # fmt: skip
"""How a target serves from `start` on: factors on its times, the share of attempts that fail, and sums of shares by class up to each.

`breaks`: share of the attempts under way at `start` whose connection breaks then. Of own servers instead: the share of their work that
stops then, with which error class, and whether the machines are off (`strikes`).
"""

WAY: Final = record(("s", "f8"))
"""Seconds there and back from one region to another; row 0 and column 0 are those of whom nothing is known."""

WORK: Final = record(
    ("version", "i8"), ("first_byte", "f8"), ("ends", "f8"), ("gap", "f8"),  # the last: seconds between two tokens
    ("input", "i4"), ("cached", "i4"), ("output", "i4"), ("reasoning", "i4"), ("retry_after_ms", "i4"),
    ("wanted", "i4"),  # output tokens as the arrival had them, or DRAWN; `output` is the whole answer's, once it is drawn
    ("block", "i4"), ("blocks", "i4"),  # the prompt's prefix, as in ARRIVAL
    ("relayed", "i4"), ("rest", "i4"), ("said", "i4"),  # output tokens: that the client had before, of this attempt, of it when it broke
    ("asked", "i4"), ("counted", "i4"),  # steps of its kind since the attempt began; tokens that the provider's quota counted
    ("region", "i4"), ("luck", "u8"), ("own", "u8"),  # the client's; what the attempt's draws and the request's follow from
    ("status", "i2"), ("error_class", "i1"), ("kind", "i1"), ("stream", "i1"),
)  # fmt: skip
"""One attempt of a flow, as the world knows it. `version` counts its timers: a timer of an older version is stale.

Row f is flow f's attempt; where the plan hedges, row flows + f its hedge, and row 2 × flows + f only the timer of when it is late.
Behind them each replica of own servers has a row, for its timer, and then each pool, for the next change of its weather.
"""

TIMER: Final = record(("at", "f8"), ("what", "i8"))

MOMENT_BINS: Final = 42 * 64 + 1
MOMENT: Final = record(
    ("arrivals", "i8"), ("ended", "i8"), ("answers", "i8"), ("good", "i8"), ("refused", "i8"), ("failed", "i8"),
    ("cost_nusd", "i8"), ("tokens", "i8"), ("arrival_sum", "f8"), ("ended_sum", "f8"),
    ("bins", "i4", (2 * MOMENT_BINS,)),  # of answers: their whole times, then their times to the first byte
)  # fmt: skip
"""A bucket of simulated time, see `timeline`."""
MOMENT_TARGET: Final = record(("requests", "i8"), ("open_s", "f8"), ("replica_s", "f8"))

PURSE: Final = record(("exhausted", "f8"), ("most_nusd", "i8"), ("past_nusd", "i8"), ("last_nusd", "i8"), ("ends", "f8"))
"""A budget: when it first refused a request (NaN: never), the most spent in a period as ticks saw it, and, where a run is checked, what was
spent in periods that are over, and in this one, which `ends`, when it was last looked at."""

TABLES: Final[dict[str, np.dtype[Any]]] = {
    "generators": GENERATOR, "work": WORK, "timers": TIMER, "arrivals": ARRIVAL, "mix": PART, "services": SERVICE, "weather": WEATHER,
    "tables": TABLE, "hits": HIT, "asking": ASKING, "ways": WAY,
    "groups": GROUP, "slices": SLICE, "pieces": PIECE, "joint": JOINT, "blocks": BLOCK, "sources": GENERATOR, "coming": TIMER,
    "servers": SERVER, "replicas": REPLICA, "seats": SEAT, "spots": SPOT, "told": TOLD,
    "origins": ASKING, "returns": ASKING, "uses": USE,
    "moments": MOMENT, "moment_targets": MOMENT_TARGET, "purses": PURSE,
}  # fmt: skip

LOOP: Final = record(
    ("now", "f8"), ("until", "f8"), ("next_arrival", "f8"), ("next_tick", "f8"), ("tick_s", "f8"),
    ("process", "i8"), ("comer", "i8"), ("sources", "i8"), ("shaped", "i8"), ("keep", "f8"),  # who comes next, of how many; see `arriving`
    ("coming", "i8"), ("ended", "i8"),  # in the heap; 1: only those return who came before
    # Who was refused and comes again: a bit per outcome; free places, and how many were ever taken.
    ("returning", "i8"), ("most_tries", "i8"), ("return_share", "f8"), ("return_backoff_s", "f8"), ("return_free", "i8"),
    ("return_fresh", "i8"), ("returned", "i8"), ("given_up", "i8"),  # came again; could not be kept
    ("known_blocks", "i8"),  # of shared prefixes; 0: there are none
    ("arrived", "i8"), ("most", "i8"), ("last_arrival", "f8"),  # so far; at most; none later than
    ("timers", "i8"), ("most_timers", "i8"), ("estimate", "i8"),  # in the heap; more than so many: stale ones are dropped
    ("happened", "i8"),
    ("pools", "i8"), ("replica_rows", "i8"), ("told", "i8"), ("turning", "i8"),  # own servers: how many pools; see `batching`
    ("luck", "u8"), ("epoch_s", "f8"), ("regions", "i8"),  # of the seed; Unix seconds; rows of the table of ways, 0 without one
    ("flows", "i8"), ("hedging", "i8"), ("caching", "i8"), ("tiers", "i8"),  # slots; whether the plan has such things
    # Complexity of requests that no record tells: by input tokens from which, or by shares up to each where those are given.
    ("medium_from", "i8"), ("complex_from", "i8"), ("simple_below", "f8"), ("medium_below", "f8"),
    ("moment_s", "f8"),  # width of a moment
    # Where a run is checked (`laws`): seconds of all flows together, times that the clock ran back, and whether it is.
    ("checked", "i8"), ("flow_s", "f8"), ("ran_back", "i8"),
    *((f"n_{name}", "i8") for name in TABLES), *((f"at_{name}", "i8") for name in TABLES),
)  # fmt: skip

DEMAND_DRAWS, SERVICE_DRAWS, JOURNEY_DRAWS, OUTAGE_DRAWS, RETURN_DRAWS = 0, 1, 2, 3, 4
"""Streams. Demand stays the same whatever a plan makes of it. SERVICE_DRAWS is where the requests' luck begins; the journey's is for steps
that are about no one request: ticks, and waking whoever waits. Outages are drawn before a run."""
GENERATORS: Final = 5


class Place:
    """Which draw of an attempt's luck is for what; those of the request's luck are marked."""

    FATE: Final = 0
    """Whether it fails, and how."""
    STALL: Final = 1
    WHEN: Final = 2
    """Time to the failure."""
    MIDSTREAM: Final = 3
    PART: Final = 4
    """How much of it comes before it breaks."""
    TTFT: Final = 5
    ITL: Final = 6
    NETWORK: Final = 7
    BREAKS: Final = 8
    """Whether an outage that begins meanwhile breaks it."""
    LENGTH: Final = 9
    """Of the answer: the request's, but a hedge's own."""
    COMPLEXITY: Final = 10
    """The request's."""
    HIT: Final = 11
    """The request's: whether a cache has the answer."""
    HIT_LENGTH: Final = 12
    """The request's."""
    JUDGED: Final = 13
    """Whether somebody judges the answer."""
    VERDICT: Final = 14
    STEPS: Final = 16
    """From here on one for each kind of step of the journey, and again for each time it is asked."""


ATTEMPTS, HEDGES, RETURNS = 1 << 20, 1 << 21, 1 << 22
"""Which word of a request's luck an attempt's draws follow from: the first and its number. A hedge has luck of its own, from the second,
and so has a client who comes again, from the third and how often it did."""


class Stop:
    """Why the loop returned."""

    FINISHED: Final = 0
    """Nothing more will happen."""
    DRAIN: Final = 1
    """A ring must be emptied first."""
    REACHED: Final = 2
    """The asked time or number of happenings is reached."""


def records_of(n: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """`n` records, all zero, whose fields plain Python reads as attributes, as machine code does."""
    return np.zeros(n, dtype) if JIT else np.zeros(n, dtype).view(np.recarray)


class World(NamedTuple):
    """Views of the tables of one block, shape (capacity,) each. `buffer` is the block itself."""

    buffer: npt.NDArray[np.uint8]
    loop: npt.NDArray[Any]
    generators: npt.NDArray[Any]
    work: npt.NDArray[Any]
    timers: npt.NDArray[Any]
    arrivals: npt.NDArray[Any]
    mix: npt.NDArray[Any]
    services: npt.NDArray[Any]
    weather: npt.NDArray[Any]
    tables: npt.NDArray[Any]
    hits: npt.NDArray[Any]
    asking: npt.NDArray[Any]
    ways: npt.NDArray[Any]
    groups: npt.NDArray[Any]
    slices: npt.NDArray[Any]
    pieces: npt.NDArray[Any]
    joint: npt.NDArray[Any]
    blocks: npt.NDArray[Any]
    sources: npt.NDArray[Any]
    coming: npt.NDArray[Any]
    servers: npt.NDArray[Any]
    replicas: npt.NDArray[Any]
    seats: npt.NDArray[Any]
    spots: npt.NDArray[Any]
    told: npt.NDArray[Any]
    origins: npt.NDArray[Any]
    returns: npt.NDArray[Any]
    uses: npt.NDArray[Any]
    moments: npt.NDArray[Any]
    moment_targets: npt.NDArray[Any]
    purses: npt.NDArray[Any]


LINE: Final = 64


def rounded(size: int) -> int:
    return -(-size // LINE) * LINE


def build(capacities: dict[str, int], seed: int) -> World:
    """An empty world. Every table is named in `capacities`."""
    sizes = {name: rounded(capacities[name] * dtype.itemsize) for name, dtype in TABLES.items()}
    buffer = np.zeros(rounded(LOOP.itemsize) + sum(sizes.values()) + LINE, np.uint8)
    buffer = buffer[-buffer.ctypes.data % LINE :]  # tables begin on a cache line
    loop = buffer[: LOOP.itemsize].view(LOOP)
    views, at = [], rounded(LOOP.itemsize)
    for name, dtype in TABLES.items():
        loop[f"n_{name}"], loop[f"at_{name}"] = capacities[name], at
        views.append(buffer[at : at + capacities[name] * dtype.itemsize].view(dtype))
        at += sizes[name]
    if not JIT:
        buffers[buffer.ctypes.data] = buffer
    world = World(buffer, loop, *views)
    for stream in range(GENERATORS):
        world.generators[stream] = seeded(seed, stream)
    world.loop["luck"] = seeded(seed, SERVICE_DRAWS)[0]
    return world


@kernel
def loop_of(world: int) -> Any:
    return record_at(world, 0, 0, LOOP)


@kernel
def generator_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_generators, i, GENERATOR)


@kernel
def work_at(world: int, f: int) -> Any:
    return record_at(world, loop_of(world).at_work, f, WORK)


@kernel
def timer_at(world: int, k: int) -> Any:
    return record_at(world, loop_of(world).at_timers, k, TIMER)


@kernel
def arrival_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_arrivals, i, ARRIVAL)


@kernel
def asking_of(world: int) -> Any:
    return record_at(world, loop_of(world).at_asking, 0, ASKING)


@kernel
def part_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_mix, i, PART)


@kernel
def service_at(world: int, t: int) -> Any:
    return record_at(world, loop_of(world).at_services, t, SERVICE)


@kernel
def weather_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_weather, i, WEATHER)


@kernel
def hit_at(world: int, r: int) -> Any:
    return record_at(world, loop_of(world).at_hits, r, HIT)


@kernel
def table_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_tables, i, TABLE)


@kernel
def group_at(world: int, g: int) -> Any:
    return record_at(world, loop_of(world).at_groups, g, GROUP)


@kernel
def slice_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_slices, i, SLICE)


@kernel
def piece_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_pieces, i, PIECE)


@kernel
def joint_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_joint, i, JOINT)


@kernel
def block_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_blocks, i, BLOCK)


@kernel
def source_at(world: int, g: int) -> Any:
    return record_at(world, loop_of(world).at_sources, g, GENERATOR)


@kernel
def origin_at(world: int, f: int) -> Any:
    return record_at(world, loop_of(world).at_origins, f, ASKING)


@kernel
def return_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_returns, i, ASKING)


@kernel
def use_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_uses, i, USE)


@kernel
def coming_at(world: int, k: int) -> Any:
    return record_at(world, loop_of(world).at_coming, k, TIMER)


@kernel
def way_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_ways, i, WAY)


@kernel
def moment_at(world: int, k: int) -> Any:
    return record_at(world, loop_of(world).at_moments, k, MOMENT)


@kernel
def moment_target_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_moment_targets, i, MOMENT_TARGET)


@kernel
def purse_at(world: int, b: int) -> Any:
    return record_at(world, loop_of(world).at_purses, b, PURSE)
