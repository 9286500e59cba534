"""An open-loop load generator for demos and tests: requests come when they come, however slow the answers are.

    records = await Load(LoadPlan(base_url=..., duration_s=60, rate_per_s=8, cv=2, callers=(Caller("sk-..."),))).run()

Some requests go through the official client, the rest over plain HTTP; every stream is checked frame by frame. Bounded in time, in number
and in how many are under way; what is not sent for that bound is recorded too, because leaving it out would flatter the latencies.
What must not live here: judgements about the records.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from roteiro.terms.error import SettingsError
from roteiro.testing.answer import VOCABULARY
from roteiro.testing.arrivals import arrivals
from roteiro.testing.client import HttpClient
from roteiro.testing.exchange import Ask, PlainCaller, Record, Via
from roteiro.testing.quantiles import Quantiles

__all__ = ["Caller", "Load", "LoadPlan", "summary"]

_MOST_REQUESTS: Final = 1_000_000
_WORDS_PER_TOKEN: Final = 0.7
"""The sandbox's words are short, so that a prompt comes out near the length that was drawn."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One client: its key, its share of the requests, and the workload it names, if any."""

    key: str
    share: float = 1.0
    workload: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What to send. Shares are relative to their sum; `cv` as in `arrivals`; lengths in tokens; `timeout_s` holds for a whole request.

    `openai_share` of the requests go through the official client, which needs the extra `demo`.
    """

    base_url: str
    duration_s: float
    rate_per_s: float
    cv: float = 1.0
    seed: int = 0
    callers: tuple[Caller, ...]
    models: tuple[tuple[str, float], ...] = (("auto", 1.0),)
    stream_share: float = 0.5
    prompt_tokens: Quantiles = Quantiles(200.0, 800.0)  # noqa: RUF009 (frozen)
    output_tokens: Quantiles = Quantiles(48.0, 160.0)  # noqa: RUF009
    openai_share: float = 0.0
    max_in_flight: int = 256
    timeout_s: float = 60.0


class Load:
    """Runs one plan once. `sent`, `in_flight` and `records` may be read while it runs."""

    def __init__(self, plan: LoadPlan) -> None:
        if not plan.callers or not plan.models:
            raise SettingsError("a load needs at least one caller and one model")
        if plan.rate_per_s * plan.duration_s > _MOST_REQUESTS:
            raise SettingsError(f"{plan.rate_per_s:g}/s for {plan.duration_s:g} s are more than {_MOST_REQUESTS} requests")
        self.plan = plan
        self.sent = 0
        self.in_flight = 0
        self.records: list[Record] = []
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Send nothing more; what is under way is still waited for."""
        self._stopping.set()

    async def run(self, on_record: Callable[[Record], None] | None = None) -> list[Record]:
        """Send everything at its time and wait for all answers; answers the records in the order in which they ended."""
        plan, loop = self.plan, asyncio.get_running_loop()
        via = await self._callers()
        began_s = loop.time()
        try:
            async with asyncio.TaskGroup() as group:
                for ask in self.asks():
                    if await self._stopped_before(began_s + ask.at_s):
                        break
                    if self.in_flight >= plan.max_in_flight:
                        self._keep(Record.not_sent(ask, f"not sent: {plan.max_in_flight} are under way"), on_record)
                        continue
                    self.sent += 1
                    self.in_flight += 1
                    group.create_task(self._one(via[ask.via], ask, began_s, on_record))
        finally:
            for caller in via.values():
                await caller.close()
        return self.records

    def asks(self) -> Iterator[Ask]:
        """Every request of the plan with its time: the same for the same seed, whatever the answers."""
        plan, draw = self.plan, random.Random(self.plan.seed)
        caller_shares = [caller.share for caller in plan.callers]
        models, model_shares = zip(*plan.models, strict=True)
        for at_s in arrivals(plan.rate_per_s, plan.duration_s, plan.cv, draw):
            (caller,) = draw.choices(plan.callers, caller_shares)
            (model,) = draw.choices(models, model_shares)
            yield Ask(
                at_s=at_s,
                key=caller.key,
                caller=caller.name or caller.key,
                workload=caller.workload,
                model=model,
                stream=draw.random() < plan.stream_share,
                via="openai" if draw.random() < plan.openai_share else "http",
                prompt=_prompt(max(1, round(plan.prompt_tokens.at(draw.random()))), draw),
                most_tokens=max(1, round(plan.output_tokens.at(draw.random()))),
            )

    async def _callers(self) -> dict[str, Via]:
        plan = self.plan
        via: dict[str, Via] = {"http": PlainCaller(HttpClient(plan.base_url.removesuffix("/v1")))}
        if plan.openai_share > 0.0:
            from roteiro.testing.official import OfficialCaller

            via["openai"] = OfficialCaller(plan.base_url, plan.timeout_s)
        return via

    async def _one(self, via: Via, ask: Ask, began_s: float, on_record: Callable[[Record], None] | None) -> None:
        try:
            self._keep(await via.call(ask, began_s, self.plan.timeout_s), on_record)
        finally:
            self.in_flight -= 1

    def _keep(self, record: Record, on_record: Callable[[Record], None] | None) -> None:
        self.records.append(record)
        if on_record is not None:
            on_record(record)

    async def _stopped_before(self, due_s: float) -> bool:
        """Wait until the time has come; True when the load was stopped meanwhile."""
        remaining_s = due_s - asyncio.get_running_loop().time()
        try:
            await asyncio.wait_for(self._stopping.wait(), max(0.0, remaining_s))
        except TimeoutError:
            return False
        return True


def _prompt(tokens: int, draw: random.Random) -> str:
    """A text of about that many tokens; no two alike, so that no cache answers in place of the system under test."""
    words = draw.choices(VOCABULARY, k=max(1, round(tokens * _WORDS_PER_TOKEN)))
    return " ".join([f"{draw.getrandbits(32):08x}", *words])


def summary(records: list[Record]) -> dict[str, Any]:
    """Counts of records by what became of them, for a first look."""
    counts: dict[str, int] = {}
    for record in records:
        word = "whole" if record.whole else record.error.partition(":")[0] or str(record.status)
        counts[word] = counts.get(word, 0) + 1
    return counts
