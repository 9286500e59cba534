"""How an attempt fares: drawn when it begins, and told by the loop when its time has come. Compiled into the loop.

All draws are the attempt's own luck (`draw.chance`), each at its place. What must not live here: what the journey makes of it, and how a
target's times came about (`service`, `fit`, `outages`).
"""

from typing import Any

from roteiro.policy.kernel import inlined, kernel
from roteiro.simulator import table
from roteiro.simulator.draw import chance
from roteiro.simulator.records import CLASSES, Place, loop_of, table_at, way_at, weather_at
from roteiro.terms.codes import ErrorClass

__all__ = ["STATUS", "TIMEOUT", "answers", "breaks", "class_of", "fails", "said_by", "settle_quota", "way_of", "weather_of"]

NEVER = 1e300
TIMEOUT, RATE_LIMIT, CONTEXT, CONNECTION = (
    int(c) for c in (ErrorClass.TIMEOUT, ErrorClass.RATE_LIMIT, ErrorClass.CONTEXT, ErrorClass.CONNECTION)
)
FATE, STALL, WHEN, MIDSTREAM, PART, TTFT, ITL, NETWORK, BREAKS, LENGTH = (
    Place.FATE, Place.STALL, Place.WHEN, Place.MIDSTREAM, Place.PART, Place.TTFT, Place.ITL, Place.NETWORK, Place.BREAKS, Place.LENGTH,
)  # fmt: skip
STATUS = (200, 401, 429, 500, 0, 0, 400, 400, 200, 400, 0)  # by ErrorClass, as providers answer
TINY_S = 1e-9


@kernel
def weather_of(world: int, service: Any, now: float) -> Any:
    while service.cursor + 1 < service.count and weather_at(world, service.first + service.cursor + 1).start <= now:
        service.cursor += 1
    return weather_at(world, service.first + service.cursor)


@kernel
def way_of(world: int, service: Any, work: Any) -> float:
    """Seconds there and back between the client and a target."""
    way = 0.0
    if service.network >= 0:
        way = table.at(table_at(world, service.network), chance(work.luck, NETWORK))
    regions = loop_of(world).regions
    if regions > 0:
        way += way_at(world, work.region * regions + service.region).s
    return way


@kernel
def over_quota(service: Any, tokens: int, now: float, epoch_s: float) -> float:
    """Seconds until the provider's own quota lets the request in, which is then counted; 0.0 where it does now.

    By the generic cell rate algorithm (ITU-T I.371), or in windows of the clock. A request of more tokens than ever are let in at once
    comes in when nothing else has been counted.
    """
    if service.window_s > 0.0:
        return over_window(service, tokens, epoch_s + now)
    wait = 0.0
    if service.request_s > 0.0:
        wait = max(service.requests_at, now) + service.request_s - now - service.burst_s
    if service.token_s > 0.0:
        wait = max(wait, max(service.tokens_at, now) + min(tokens * service.token_s, service.burst_s) - now - service.burst_s)
    if wait > TINY_S:
        return wait
    if service.request_s > 0.0:
        service.requests_at = max(service.requests_at, now) + service.request_s
    if service.token_s > 0.0:
        service.tokens_at = max(service.tokens_at, now) + tokens * service.token_s
    return 0.0


@kernel
def over_window(service: Any, tokens: int, unix_s: float) -> float:
    begun = unix_s // service.window_s
    if begun != service.window:
        service.window, service.requests_in, service.tokens_in = begun, 0.0, 0.0
    full = service.request_s > 0.0 and (service.requests_in + 1.0) * service.request_s > service.window_s + TINY_S
    if service.token_s > 0.0 and service.tokens_in > 0.0:
        full = full or (service.tokens_in + tokens) * service.token_s > service.window_s + TINY_S
    if full:
        return (begun + 1.0) * service.window_s - unix_s  # type: ignore[no-any-return]
    service.requests_in += 1.0
    service.tokens_in += tokens
    return 0.0


@kernel
def settle_quota(service: Any, work: Any, tokens: int) -> None:
    """An attempt is over: its true tokens count instead of those that were foreseen."""
    if service.token_s > 0.0 and work.counted > 0:
        more = tokens - work.counted
        work.counted = 0
        if service.window_s > 0.0:
            service.tokens_in = max(service.tokens_in + more, 0.0)
        else:
            service.tokens_at += more * service.token_s


@kernel
def draw_length(world: int, service: Any, work: Any) -> None:
    """How long the whole answer is to be, where nothing says so yet; then what is left of it for this attempt."""
    if work.output < 0:
        work.output = max(int(table.at(table_at(world, service.output), chance(work.own, LENGTH)) + 0.5), 1)
    if service.most_output > 0 and work.output > service.most_output:
        work.output = service.most_output
    work.rest = max(work.output - work.relayed, 1)


@kernel
def said_by(work: Any, t: float) -> int:
    """Tokens of this attempt that have come by `t`, of one that breaks: at least the first, never the last unless it is the only one."""
    said = 1 + int((t - work.first_byte) / work.gap) if work.gap > 0.0 else work.rest
    return max(min(said, work.rest - 1), 1)  # type: ignore[no-any-return]


@inlined
def first_token(world: int, service: Any, weather: Any, work: Any, beside: int) -> float:
    """Seconds to the first token, the way not counted: (drawn + the input's tokens) × load × weather."""
    drawn = table.at(table_at(world, service.ttft), chance(work.luck, TTFT))
    if service.token_ttft_s > 0.0:
        drawn += service.token_ttft_s * max(work.input + work.relayed - work.cached, 0)
    return drawn * (1.0 + service.ttft_load * beside) * weather.slow_ttft  # type: ignore[no-any-return]


@kernel
def class_of(weather: Any, u: float) -> int:
    """How an attempt fails whose draw is `u`, which is below the share that fails."""
    error_class = 1
    while error_class < CLASSES - 1 and u >= weather.below[error_class]:
        error_class += 1
    return error_class


@inlined
def fails(world: int, service: Any, weather: Any, work: Any, target: Any, foreseen: int, beside: int, way: float, now: float) -> bool:
    """Whether the attempt fails by itself; then when and how is written down in `work`. `foreseen`: output tokens, as it was asked for."""
    whole = work.input + work.relayed  # a rescue reads the prompt and what there is of the answer
    work.counted = whole + max(foreseen - work.relayed, 0)
    quota = 0.0
    if service.request_s > 0.0 or service.token_s > 0.0:
        quota = over_quota(service, work.counted, now, loop_of(world).epoch_s)
    u = chance(work.luck, FATE)
    if quota > 0.0:
        error_class, work.retry_after_ms, work.counted = RATE_LIMIT, int(quota * 1e3) + 1, 0
    elif 0 < target.context_tokens < whole:
        error_class, work.retry_after_ms = CONTEXT, -1
    elif u < weather.failing:
        error_class = class_of(weather, u)
        work.retry_after_ms = int(weather.retry_after_ms) if error_class == RATE_LIMIT else -1
    elif service.stall > 0.0 and chance(work.luck, STALL) < service.stall:
        stalls(world, service, weather, work, beside, way, now)
        return True
    else:
        return False
    if error_class == TIMEOUT and service.failure[TIMEOUT] < 0:
        stalls(world, service, weather, work, beside, way, now)
        return True
    work.error_class, work.status = error_class, STATUS[error_class]
    work.ends = now + way + table.at(table_at(world, service.failure[error_class]), chance(work.luck, WHEN))
    if work.stream != 0 and error_class != RATE_LIMIT and error_class != CONTEXT:
        if chance(work.luck, MIDSTREAM) < service.midstream:
            work.first_byte = now + (work.ends - now) * chance(work.luck, PART)
            draw_length(world, service, work)
            work.gap = service.itl_mean * (1.0 + service.itl_load * beside) * weather.slow_itl
            work.said = said_by(work, work.ends)
    return True


@kernel
def stalls(world: int, service: Any, weather: Any, work: Any, beside: int, way: float, now: float) -> None:
    """The attempt falls silent: a stream perhaps after some of its tokens. A timeout ends it."""
    work.error_class, work.status, work.retry_after_ms = TIMEOUT, 0, -1
    work.ends = NEVER
    if work.stream == 0 or chance(work.luck, MIDSTREAM) < 0.5:
        return
    work.first_byte = now + way + first_token(world, service, weather, work, beside)
    draw_length(world, service, work)
    work.gap = service.itl_mean * (1.0 + service.itl_load * beside) * weather.slow_itl
    work.said = max(int(work.rest * chance(work.luck, PART)), 1)
    work.ends = work.first_byte + (work.said - 1) * work.gap + service.idle_s


@inlined
def answers(world: int, service: Any, weather: Any, work: Any, beside: int, way: float, now: float) -> None:
    """The attempt succeeds unless it takes too long."""
    draw_length(world, service, work)
    work.error_class, work.status, work.retry_after_ms = 0, 200, -1
    gaps = work.rest - 1
    heard = now + way + first_token(world, service, weather, work, beside)
    work.ends, work.gap = heard, 0.0
    if gaps > 0:
        gap = table.at(table_at(world, service.itl), chance(work.luck, ITL))
        if service.gaps != 0:  # the mean of so many independent gaps varies less than one
            gap = service.itl_mean + (gap - service.itl_mean) / gaps**0.5
        work.gap = max(gap, 0.0) * (1.0 + service.itl_load * beside) * weather.slow_itl
        work.ends += gaps * work.gap
    if work.stream != 0:
        work.first_byte = heard


@kernel
def breaks(world: int, service: Any, work: Any) -> None:
    """An outage that begins before the attempt's end may break its connection there and then."""
    k = service.cursor + 1
    while k < service.count and weather_at(world, service.first + k).start < work.ends:
        coming = weather_at(world, service.first + k)
        if coming.breaks > 0.0 and chance(work.luck, BREAKS) < coming.breaks:
            if work.first_byte >= coming.start:
                work.first_byte = 0.0
            elif work.first_byte > 0.0:
                said = said_by(work, coming.start)
                work.said = said if work.error_class == 0 else min(work.said, said)
            work.ends, work.error_class, work.status, work.retry_after_ms = coming.start, CONNECTION, 0, -1
            return
        k += 1
