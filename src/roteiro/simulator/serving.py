"""How an attempt fares: drawn when it begins, and told by the loop when its time has come. Compiled into the loop.

What must not live here: what the journey makes of it, and how a target's times came about (`service`, `fit`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.simulator import table
from roteiro.simulator.draw import uniform
from roteiro.simulator.records import CLASSES, SERVICE_DRAWS, generator_at, table_at, weather_at
from roteiro.terms.codes import ErrorClass

__all__ = ["TIMEOUT", "answers", "fails", "said_by", "weather_of"]

NEVER = 1e300
TIMEOUT, RATE_LIMIT, CONTEXT = int(ErrorClass.TIMEOUT), int(ErrorClass.RATE_LIMIT), int(ErrorClass.CONTEXT)
STATUS = (200, 401, 429, 500, 0, 0, 400, 400, 200, 400, 0)  # by ErrorClass, as providers answer
TINY_S = 1e-9


@kernel
def weather_of(world: int, service: Any, now: float) -> Any:
    while service.cursor + 1 < service.count and weather_at(world, service.first + service.cursor + 1).start <= now:
        service.cursor += 1
    return weather_at(world, service.first + service.cursor)


@kernel
def over_quota(service: Any, tokens: int, now: float) -> float:
    """Seconds until the provider's own quota lets the request in, which is then counted; 0.0 where it does now."""
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
def draw_length(world: int, service: Any, work: Any) -> None:
    """How long the whole answer is to be, where nothing says so yet; then what is left of it for this attempt."""
    if work.output < 0:
        work.output = max(int(table.at(table_at(world, service.output), uniform(generator_at(world, SERVICE_DRAWS))) + 0.5), 1)
    if service.most_output > 0 and work.output > service.most_output:
        work.output = service.most_output
    work.rest = max(work.output - work.relayed, 1)


@kernel
def said_by(work: Any, t: float) -> int:
    """Tokens of this attempt that have come by `t`, of one that breaks: at least the first, never the last unless it is the only one."""
    said = 1 + int((t - work.first_byte) / work.gap) if work.gap > 0.0 else work.rest
    return max(min(said, work.rest - 1), 1)  # type: ignore[no-any-return]


@kernel
def fails(world: int, service: Any, weather: Any, work: Any, target: Any, now: float) -> bool:
    """Whether the attempt fails by itself; then when and how is written down in `work`."""
    whole = work.input + work.relayed  # a rescue reads the prompt and what there is of the answer
    quota = over_quota(service, whole + max(work.output - work.relayed, 0), now)
    u = uniform(generator_at(world, SERVICE_DRAWS))
    if quota > 0.0:
        error_class, work.retry_after_ms = RATE_LIMIT, int(quota * 1e3) + 1
    elif 0 < target.context_tokens < whole:
        error_class, work.retry_after_ms = CONTEXT, -1
    elif u < weather.failing:
        error_class = 1
        while error_class < CLASSES - 1 and u >= weather.below[error_class]:
            error_class += 1
        work.retry_after_ms = int(weather.retry_after_ms) if error_class == RATE_LIMIT else -1
    elif service.stall > 0.0 and uniform(generator_at(world, SERVICE_DRAWS)) < service.stall:
        stalls(world, service, weather, work, now)
        return True
    else:
        return False
    work.error_class, work.status = error_class, STATUS[error_class]
    work.ends = now + table.at(table_at(world, service.failure[error_class]), uniform(generator_at(world, SERVICE_DRAWS)))
    if work.stream != 0 and error_class != RATE_LIMIT and error_class != CONTEXT:
        if uniform(generator_at(world, SERVICE_DRAWS)) < service.midstream:
            work.first_byte = now + (work.ends - now) * uniform(generator_at(world, SERVICE_DRAWS))
            draw_length(world, service, work)
            work.gap = service.itl_mean * weather.slow_itl
            work.said = said_by(work, work.ends)
    return True


@kernel
def stalls(world: int, service: Any, weather: Any, work: Any, now: float) -> None:
    """The attempt falls silent: a stream perhaps after some of its tokens. A timeout ends it."""
    work.error_class, work.status, work.retry_after_ms = TIMEOUT, 0, -1
    work.ends = NEVER
    if work.stream == 0 or uniform(generator_at(world, SERVICE_DRAWS)) < 0.5:
        return
    work.first_byte = now + table.at(table_at(world, service.ttft), uniform(generator_at(world, SERVICE_DRAWS))) * weather.slow_ttft
    draw_length(world, service, work)
    work.gap = service.itl_mean * weather.slow_itl
    work.said = max(int(work.rest * uniform(generator_at(world, SERVICE_DRAWS))), 1)
    work.ends = work.first_byte + (work.said - 1) * work.gap + service.idle_s


@kernel
def answers(world: int, service: Any, weather: Any, work: Any, now: float) -> None:
    """The attempt succeeds unless it takes too long."""
    draw_length(world, service, work)
    work.error_class, work.status, work.retry_after_ms = 0, 200, -1
    gaps = work.rest - 1
    heard = now + table.at(table_at(world, service.ttft), uniform(generator_at(world, SERVICE_DRAWS))) * weather.slow_ttft
    work.ends, work.gap = heard, 0.0
    if gaps > 0:
        gap = table.at(table_at(world, service.itl), uniform(generator_at(world, SERVICE_DRAWS)))
        if service.gaps != 0:  # the mean of so many independent gaps varies less than one
            gap = service.itl_mean + (gap - service.itl_mean) / gaps**0.5
        work.gap = max(gap, 0.0) * weather.slow_itl
        work.ends += gaps * work.gap
    if work.stream != 0:
        work.first_byte = heard
