"""What a usage costs at a target's prices, in integer nano-dollars, by day and by night.

Record: TARGET (prices in nano-dollars per million tokens; the off-peak window in seconds of the local day, and the share of the price that
is asked within it). What must not live here: reservations, which assume the dearest (see `journey.arrive`).
"""

from typing import Any

from roteiro.policy.kernel import kernel

__all__ = ["PER_MILLION", "cost", "is_off_peak", "local_second"]

PER_MILLION = 1_000_000
DAY_S = 86_400.0


@kernel
def local_second(header: Any, now: float) -> float:
    """Second of the local day."""
    return (header.epoch_unix_s + now + header.offset_s) % DAY_S


@kernel
def is_off_peak(target: Any, second: float) -> bool:
    """Whether a second of the local day lies in the window; one that ends before it begins runs past midnight."""
    if target.off_peak_from_s <= target.off_peak_to_s:
        return target.off_peak_from_s <= second < target.off_peak_to_s
    return second >= target.off_peak_from_s or second < target.off_peak_to_s


@kernel
def cost(target: Any, header: Any, input_tokens: int, cached: int, output_tokens: int, reasoning: int, now: float) -> int:
    """Nano-dollars, rounded half up. `cached` is part of input, `reasoning` of output."""
    cached = min(cached, input_tokens)
    reasoning = min(reasoning, output_tokens)
    total = (input_tokens - cached) * target.price_input + cached * target.price_cached
    total += (output_tokens - reasoning) * target.price_output + reasoning * target.price_reasoning
    nusd = (total + PER_MILLION // 2) // PER_MILLION
    if target.off_peak_share > 0.0 and is_off_peak(target, local_second(header, now)):
        millionths = int(target.off_peak_share * PER_MILLION + 0.5)  # in integers: a float would lose a large sum's last digits
        nusd = (nusd * millionths + PER_MILLION // 2) // PER_MILLION
    return nusd
