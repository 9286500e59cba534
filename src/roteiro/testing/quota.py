"""A provider's quota, really counted: requests and tokens a minute as two token buckets that refill all the time.

What must not live here: the clock (`now_s` is given), HTTP.
"""

from dataclasses import dataclass, field

__all__ = ["Bucket", "QuotaMeter"]

_MINUTE_S = 60.0
_ROUNDING = 1e-9
"""Of a token: who waited as long as was asked is not sent away for the last bit of a float."""


@dataclass(slots=True)
class Bucket:
    """Holds `per_minute` at most and refills at that rate."""

    per_minute: int
    filled_s: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = float(self.per_minute)

    def refill(self, now_s: float) -> None:
        """Let the time since the last refill flow in. A clock that stands still or runs back adds nothing."""
        elapsed_s = max(0.0, now_s - self.filled_s)
        self.level = min(float(self.per_minute), self.level + elapsed_s * self.per_minute / _MINUTE_S)
        self.filled_s = max(self.filled_s, now_s)

    def wait_s(self, amount: int) -> float:
        """Seconds until `amount` fits; 0 when it does. An amount above a whole minute's waits for a full bucket."""
        missing = min(amount, self.per_minute) - self.level
        return missing * _MINUTE_S / self.per_minute if missing > _ROUNDING else 0.0


class QuotaMeter:
    """Counts one quota. A request is admitted by both buckets or by none."""

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None, now_s: float) -> None:
        self._requests = None if requests_per_minute is None else Bucket(requests_per_minute, now_s)
        self._tokens = None if tokens_per_minute is None else Bucket(tokens_per_minute, now_s)

    def take(self, tokens: int, now_s: float) -> float:
        """Admit a request of that many tokens (0), or say how many seconds to wait."""
        asked = [(bucket, amount) for bucket, amount in ((self._requests, 1), (self._tokens, tokens)) if bucket is not None]
        for bucket, _ in asked:
            bucket.refill(now_s)
        wait_s = max((bucket.wait_s(amount) for bucket, amount in asked), default=0.0)
        if wait_s == 0.0:
            for bucket, amount in asked:
                bucket.level -= amount
        return wait_s

    def headers(self) -> dict[str, str]:
        """`x-ratelimit-*` as the dialect's providers send them with every answer."""
        headers = {}
        for what, bucket in (("requests", self._requests), ("tokens", self._tokens)):
            if bucket is not None:
                headers[f"x-ratelimit-limit-{what}"] = str(bucket.per_minute)
                headers[f"x-ratelimit-remaining-{what}"] = str(max(0, int(bucket.level)))
                headers[f"x-ratelimit-reset-{what}"] = f"{bucket.wait_s(bucket.per_minute):.3f}s"
        return headers
