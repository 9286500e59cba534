"""Plays scenarios against a gateway that serves: sandboxes take the places of a model's targets, a client asks, and all is written down.

What must not live here: the gateway and its ledger (whoever starts them adds what they say), and what is promised.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import msgspec

from roteiro.testing.answer import compose
from roteiro.testing.client import BrokenAnswerError, HttpClient
from roteiro.testing.dialect import Request
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.promise import Promise, Promised
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.question import Question
from roteiro.testing.sandbox import SandboxServer
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.scenario import SLACK_S, Acted, Client, Scenario, Strike
from roteiro.testing.script import Phase, Script
from roteiro.testing.truth import Told, truth_of

__all__ = ["Case", "Played", "Stage"]

_UNKNOWN: Final = "http://drill.invalid:9"
_PAUSE_S: Final = 1.0
_AT_ONCE: Final = 8
_MOST_ROUNDS: Final = 60
_CLOSED: Final = Script(phases=(Phase(closed=True),))
_DIALECT: Final = OpenAIDialect()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario for one model, streamed or not. `number` is its own within a drill: names of what it is played with end in it.

    `promise` names the plan's own targets; the gateway knows them by `names`, and the model by `model`. `keys`: values of keys by their
    variables. `larger`: targets of the model with a larger context, if there is one.
    """

    number: int
    scenario: Scenario
    promise: Promise
    stream: bool
    model: str
    names: Mapping[str, str]
    larger: Mapping[str, Promised] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For people and for tests."""
        return f"{self.scenario.name}{'' if len(self.scenario.streams) == 1 else '+stream' if self.stream else '+whole'}"

    @property
    def struck(self) -> str | None:
        """The target that is not there at all."""
        return self.promise.targets[0].name if self.scenario.strike is not None else None


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a case, before the ledger was asked."""

    case: Case
    told: Told
    more: tuple[Told, ...]
    acted: tuple[Acted, ...]
    late: int = 0
    """See `Seen`."""

    @property
    def request(self) -> int | None:
        """The number of the request within the gateway's run, where it gave one."""
        said = self.told.headers.get("x-request-id", "").rpartition("-")[2]
        return int(said) if said.isdigit() else None


class Stage:
    """The sandboxes of one case, and the client. Use it in an `async with`, start the gateway with `addresses`, then `play`."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._order: list[str] = []
        self._sandboxes = {target.name: self._sandbox(target) for target in case.promise.targets}
        self._larger = {name: self._sandbox(target) for name, target in case.larger.items()}

    @property
    def addresses(self) -> dict[str, str]:
        """Base URLs by the names that the gateway knows."""
        found = {self.case.names[name]: server.base_url for name, server in self._sandboxes.items()}
        found |= {name: server.base_url for name, server in self._larger.items()}
        if self.case.scenario.strike is Strike.UNKNOWN and self.case.struck is not None:
            server = self._sandboxes[self.case.struck]
            found[self.case.names[self.case.struck]] = server.base_url.replace(server.origin, _UNKNOWN)
        return found

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as started:
            for server in (*self._sandboxes.values(), *self._larger.values()):
                await started.enter_async_context(server)
            self._started = started.pop_all()
        if self.case.scenario.strike is Strike.REFUSED and self.case.struck is not None:
            self._sandboxes[self.case.struck].play(_CLOSED)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()

    async def play(self, base_url: str, key: str) -> Played:
        """Ask, and write down what came."""
        case = self.case
        self._order = [case.struck] if case.struck is not None else []
        for name, server in self._sandboxes.items():
            if name != case.struck:
                server.when_asked(lambda name=name: self._cast(name))  # type: ignore[misc]
        asker = _Asker(base_url, key, case)
        if case.scenario.client is Client.COMES_LATE:
            await self._outage(asker)
        before = self._requests()
        told, more = await asker.ask()
        await self._all_quiet()
        return Played(case, told, more, self._acted(), self._requests() - before)

    def _sandbox(self, target: Promised) -> SandboxServer:
        case, scenario = self.case, self.case.scenario
        pace = Quantiles(scenario.pace_s, scenario.pace_s)
        return SandboxServer(
            SandboxSettings(
                name=target.name,
                dialect=target.dialect,
                latency=Latency(itl_s=pace),
                output_tokens=_length(scenario),
                api_keys=tuple(case.keys[name] for name in target.keys),
                prefix="continue" if target.prefix else "refuse",
                tls=scenario.strike is Strike.UNTRUSTED and target.name == case.struck,
            )
        )

    def _cast(self, name: str) -> None:
        """A target is asked for the first time: its place in the order says what it does."""
        scripts = self.case.scenario.scripts
        place = len(self._order)
        self._order.append(name)
        self._sandboxes[name].play(scripts[min(place, len(scripts) - 1)])

    async def _outage(self, asker: "_Asker") -> None:
        """Requests until every target failed often enough for its breaker to open, or the gateway says that none is left."""
        enough = self.case.promise.minimum_calls + _AT_ONCE
        for _ in range(_MOST_ROUNDS):
            told = await asyncio.gather(*(asker.warm() for _ in range(_AT_ONCE)))
            if any(one.code == "unavailable" for one in told):
                return
            if min(server.stats()["requests"] for server in self._sandboxes.values()) >= enough:
                return

    def _requests(self) -> int:
        return sum(int(server.stats()["requests"]) for server in self._sandboxes.values())

    async def _all_quiet(self) -> None:
        """Until every sandbox has seen the end of what it was asked: a call that was given up closes its connection soon after."""
        if self.case.scenario.client is not Client.LEAVES:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.case.scenario.words * self.case.scenario.pace_s + SLACK_S):
                while not any(server.stats()["clients_gone"] for server in self._sandboxes.values()):
                    await asyncio.sleep(0.02)

    def _acted(self) -> tuple[Acted, ...]:
        rest = [target.name for target in self.case.promise.targets if target.name not in self._order]
        return tuple(self._seen_by(name) for name in (*self._order, *rest))

    def _seen_by(self, name: str) -> Acted:
        server = self._sandboxes[name]
        stats = server.stats()
        return Acted(
            target=self.case.names[name],
            requests=stats["requests"],
            prefixes=stats["prefixes"],
            continues=server.settings.prefix == "continue",
            keys=len(stats["by_key"]),
            gone=stats["clients_gone"],
            heard=[asked for asked in server.heard if isinstance(asked, Question)],
        )


def _length(scenario: Scenario) -> Quantiles:
    return Quantiles(float(scenario.words), float(scenario.words))


class _Asker:
    """The client of one case."""

    def __init__(self, base_url: str, key: str, case: Case) -> None:
        self._origin, _, self._path = base_url.rpartition("/")
        self._key, self._case = key, case

    async def ask(self) -> tuple[Told, tuple[Told, ...]]:
        """The first answer, and those after it."""
        if self._case.scenario.client is not Client.REPEATS:
            return await self._one(self._body()), ()
        headers = {"idempotency-key": f"drill-{self._case.number}"}
        first = await self._one(self._body(), headers)
        return first, (await self._one(self._body(), headers), await self._one(self._body("another"), headers))

    async def warm(self) -> Told:
        """One request of an outage."""
        return await self._one(self._body("soon"))

    def _body(self, more: str = "") -> dict[str, Any]:
        case = self._case
        asked = f"Drill {case.number}, {case.title}: where to? {more}".strip()
        body = {"model": case.model, "messages": [{"role": "user", "content": asked}]}
        return {**body, "stream": True, "stream_options": {"include_usage": True}} if case.stream else body

    async def _one(self, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Told:
        """One request; never raises for what the other side does."""
        case, clock = self._case, asyncio.get_running_loop().time
        sent_s, data = clock(), msgspec.json.encode(body)
        status, said, parts, ttft_s, broke = 0, dict[str, str](), list[bytes](), None, ""
        try:
            async with asyncio.timeout(case.scenario.lasts(case.promise) + 2 * SLACK_S), HttpClient(self._origin) as client:
                bearer = {"authorization": f"Bearer {self._key}", **(headers or {})}
                async with client.send("POST", f"/{self._path}/chat/completions", data, bearer) as answer:
                    status, said = answer.status, answer.headers
                    words = 0
                    async for piece in answer.pieces():
                        parts.append(piece)
                        words += piece.count(b'"content":"') if case.stream else 0
                        if ttft_s is None and words > 1:
                            ttft_s = clock() - sent_s
                            await self._pause()
                        if case.scenario.client is Client.LEAVES and words > 2:
                            broke = "left: by its own will"
                            break
        except BrokenAnswerError as error:
            broke = str(error)
        except TimeoutError:
            broke = f"timeout: no end within {clock() - sent_s:.1f} s"
        total_s = clock() - sent_s
        came, expected = b"".join(parts), self._expected(data)
        return truth_of(status, said, came, expected, stream=case.stream, ttft_s=ttft_s, total_s=total_s, broke=broke)

    async def _pause(self) -> None:
        if self._case.scenario.client is Client.READS_SLOWLY:
            await asyncio.sleep(_PAUSE_S)

    def _expected(self, data: bytes) -> str:
        """What any of the sandboxes has to say to it."""
        question = _DIALECT.question(Request("POST", "/v1/chat/completions", {}, data, True))
        return compose(question, name="any", created=0, length=_length(self._case.scenario)).text
