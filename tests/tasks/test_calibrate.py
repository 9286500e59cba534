"""Parameters come back from a machine that has them: by virtual time exactly enough, over sockets by their shape alone."""

import asyncio
import contextlib
import json
import math
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roteiro.analysis.calibration import Group, Heard, ServerFit, TooFewError, fit_server
from roteiro.cli.main import app
from roteiro.plan.read import read_text
from roteiro.providers.local import SMOLLM2, find_weights
from roteiro.report.calibration import calibration_page
from roteiro.report.markdown import markdown
from roteiro.report.speech import speech
from roteiro.tasks.calibrate import Calibration, calibrate, servers_line
from roteiro.tasks.calibrate_load import Design
from roteiro.terms.error import SettingsError

ALPHA, BETA, PREFILL, GAMMA, NETWORK = 0.012, 0.0008, 0.0002, 0.000_001, 0.006
CHUNK, BATCH = 256, 4


def played(prompt: int, output: int, count: int, draw: random.Random, batch: int = BATCH) -> Group:
    """A group on a machine with continuous batching, in virtual time; each iteration is off by a per cent or so."""
    waiting, writing, pieces = list(range(count)), list[int](), [list[float]() for _ in range(count)]
    reading, left, now = list[int](), [prompt] * count, NETWORK
    while waiting or reading or writing:
        while waiting and len(reading) + len(writing) < batch:
            reading.append(waiting.pop(0))
        memory = sum(prompt - left[i] for i in reading) + sum(prompt + len(pieces[i]) for i in writing)
        room, taken, ended = CHUNK, 0, list[int]()
        for i in reading:
            part = min(room, left[i])
            left[i], room, taken = left[i] - part, room - part, taken + part
            ended += [i] if part and left[i] == 0 else []
        now += (ALPHA + BETA * len(writing) + PREFILL * taken + GAMMA * memory) * draw.gauss(1.0, 0.01)
        for i in writing + ended:
            pieces[i].append(now)
        reading = [i for i in reading if i not in ended]
        writing = [i for i in writing + ended if len(pieces[i]) < output]
    return Group(prompt, tuple(Heard(tuple(one), prompt, 0, output) for one in pieces))


def load(at_once: tuple[int, ...], passes: int = 6, batch: int = BATCH) -> list[Group]:
    draw = random.Random(7)
    lengths = [(p, o, n) for _ in range(passes) for p in (32, 128, 512, 1024) for o in (16, 48) for n in at_once]
    return [played(*one, draw, batch) for one in lengths]


@pytest.fixture(scope="module")
def fit() -> ServerFit:
    return fit_server(load((1, 2, 4, 8)), chunk=CHUNK)


def test_parameters_come_back(fit: ServerFit) -> None:
    assert fit.value("alpha") == pytest.approx(ALPHA, rel=0.03)
    assert fit.value("beta") == pytest.approx(BETA, rel=0.1)
    assert fit.value("prefill") == pytest.approx(PREFILL, rel=0.05)
    assert fit.value("gamma") == pytest.approx(GAMMA, rel=0.1)
    assert fit.value("network") == pytest.approx(NETWORK, rel=0.3)
    truth = dict(zip(("alpha", "beta", "prefill", "gamma", "network"), (ALPHA, BETA, PREFILL, GAMMA, NETWORK), strict=True))
    inside = [one.low_s <= truth[one.name] <= one.high_s for one in fit.parameters]
    assert sum(inside) >= 4, fit.parameters


def test_errors_are_told_of_points_seen_and_unseen(fit: ServerFit) -> None:
    assert fit.fitted.points == fit.held_out.points == fit.between + fit.first
    assert fit.fitted.median < 0.02
    assert fit.held_out.median < 0.02
    assert fit.several.points > 0
    assert fit.several.median < 0.25


def test_the_batch_is_where_first_tokens_wait_for_an_end(fit: ServerFit) -> None:
    assert (fit.batch, fit.tried) == (BATCH, 8)
    assert fit_server(load((1, 2, 4), batch=64), chunk=CHUNK).batch is None


def test_a_server_without_a_part_has_it_at_its_bound() -> None:
    """No coefficient is negative, and one of 0 tells no interval."""
    still = [
        Group(g.asked, tuple(Heard(tuple(0.5 + 0.02 * i for i in range(16)), one.input_tokens, 0, 16) for one in g.answers))
        for g in load((1, 2), 2)
    ]
    found = fit_server(still)
    assert min(one.value_s for one in found.parameters) >= 0.0
    assert all(math.isnan(one.low_s) for one in found.parameters if one.value_s == 0.0)


@pytest.mark.parametrize(
    ("groups", "lacks"), [([], "0 groups"), (load((1,)), "two numbers of answers"), (load((2, 4)), "0 requests alone")]
)
def test_too_few_points_say_what_lacks(groups: list[Group], lacks: str) -> None:
    with pytest.raises(TooFewError, match=lacks):
        fit_server(groups)


def test_the_line_is_a_plan_s(fit: ServerFit) -> None:
    text = f"roteiro: 1\nproviders:\n  house:\n    name: vllm\n    model: m\n    base_url: http://127.0.0.1:1/v1\n    {servers_line(fit)}\nmodels:\n  chat: {{targets: [house]}}\n"
    plan = read_text(text).plan
    assert plan is not None
    servers = plan.providers["house"].servers
    assert servers is not None
    assert (servers.batch, servers.chunk) == (BATCH, CHUNK)
    assert servers.alpha_s == pytest.approx(fit.value("alpha"), rel=1e-3)
    assert servers.gamma_s == pytest.approx(fit.value("gamma"), rel=1e-3)


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_the_page_tells_all(fit: ServerFit, language: str) -> None:
    result = Calibration("house", "m", 400, 398, 61.5, (("the time was up", 1),), fit, servers_line(fit))
    page = markdown(calibration_page(result, speech(language)))
    assert all(one.name in page for one in fit.parameters)
    assert "servers: {replicas: 1, batch: 4" in page
    assert json.loads(json.dumps(result.as_json()))["fit"]["batch"] == BATCH


def test_a_design_is_bounded() -> None:
    design = Design((32, 128, 1024), (16, 48), (1, 2), 100, 60.0)
    assert design.bounded(0.01, 0.02).inputs == (32, 128)
    assert design.bounded(1e-5, 1e-3).inputs == (32, 128, 1024)
    passes = design.passes(1)
    cells = [next(passes) for _ in range(9)]
    assert {(p, n) for p, _, n in cells} == {(p, n) for p in design.inputs for n in (1, 2)}


# -- over sockets ---------------------------------------------------------------------------------------------------------------------


class Fake:
    """A small server of the OpenAI dialect: two answers at once, a token each two milliseconds. `status` refuses all, `usage` may lack."""

    def __init__(self, *, status: int = 200, usage: bool = True, strict: bool = False) -> None:
        self.status, self.usage, self.strict = status, usage, strict
        self.most = self.now = self.asked = 0
        self.base_url = ""

    async def serve(self, ready: threading.Event) -> None:
        self._seats, self._end, self._loop = asyncio.Semaphore(2), asyncio.Event(), asyncio.get_running_loop()
        self._calls: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await self._end.wait()
        server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await self._answer(json.loads(await reader.readexactly(length)), writer)
            await writer.drain()
        writer.close()

    async def _answer(self, body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        status = 400 if self.strict and "ignore_eos" in body else self.status
        if status != 200:
            text = b'{"error": {"message": "not so"}}'
            writer.write(b"HTTP/1.1 %d no\r\ncontent-length: %d\r\n\r\n%b" % (status, len(text), text))
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        words, most = len(str(body["messages"]).split()), int(str(body["max_tokens"]))
        async with self._seats:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001 + words * 1e-5)
            for _ in range(most):
                await asyncio.sleep(0.002)
                writer.write(b'data: {"choices": [{"delta": {"content": "x "}}]}\n\n')
            self.now -= 1
        if self.usage:
            writer.write(b'data: {"choices": [], "usage": {"prompt_tokens": %d, "completion_tokens": %d}}\n\n' % (words, most))
        writer.write(b"data: [DONE]\n\n")


@contextlib.contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(fake.serve(ready)))
    thread.start()
    assert ready.wait(30.0)
    try:
        yield fake
    finally:
        fake.stop()
        thread.join()


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_is_loaded_within_its_bounds(strict: bool) -> None:
    told: list[float] = []
    with serving(Fake(strict=strict)) as fake:
        result = calibrate(
            base_url=fake.base_url, model="m", requests=80, seconds=60.0, at_once=4, on_progress=lambda share, _: told.append(share)
        )
        assert (fake.most, fake.asked - strict) == (2, result.requests - strict)
    assert result.requests <= 81
    assert result.fit.tried == 4
    assert len(result.fit.parameters) == 5
    assert told == sorted(told)
    assert told[-1] <= 1.0


@pytest.mark.parametrize(
    ("fake", "says"),
    [(Fake(status=401), "refuses the key"), (Fake(status=503), "refuses: HTTP 503: not so"), (Fake(usage=False), "answers without usage")],
)
def test_a_server_that_cannot_be_measured_says_why(fake: Fake, says: str) -> None:
    with serving(fake), pytest.raises(SettingsError, match=says):
        calibrate(base_url=fake.base_url, model="m", seconds=30.0)


def test_too_small_a_load_says_so() -> None:
    with serving(Fake()) as fake, pytest.raises(SettingsError, match="too few points"):
        calibrate(base_url=fake.base_url, model="m", requests=5, seconds=30.0)


def test_nobody_there_is_no_answer() -> None:
    with serving(Fake()) as fake:
        gone = fake.base_url
    with pytest.raises(SettingsError, match="gives no answer"):
        calibrate(base_url=gone, model="m", seconds=30.0)


PLAN = """\
roteiro: 1
providers:
  paid: {name: openai, model: gpt-4o-mini}
  other: {name: anthropic, model: claude-haiku-4-5}
models:
  chat: {targets: [paid, other]}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_what_costs_money_is_not_loaded_unasked(plan: Path) -> None:
    with pytest.raises(SettingsError, match=r"cost up to about \$0\.\d+; add --yes"):
        calibrate(plan, provider="paid")
    with pytest.raises(SettingsError, match="add --yes"):
        calibrate(base_url="https://api.openai.com/v1", model="m")


def test_wrong_words_are_told(plan: Path) -> None:
    with pytest.raises(SettingsError, match=r"no provider 'nobody'; it has paid, other"):
        calibrate(plan, provider="nobody")
    with pytest.raises(SettingsError, match="speaks anthropic"):
        calibrate(plan, provider="other")
    for given in ({}, {"provider": "x", "base_url": "http://127.0.0.1:1/v1"}, {"base_url": "http://127.0.0.1:1/v1"}, {"provider": "x"}):
        with pytest.raises(SettingsError):
            calibrate(**given)


# -- the real model -------------------------------------------------------------------------------------------------------------------


def missing() -> str:
    try:
        import xllamacpp  # noqa: F401

        find_weights(SMOLLM2)
    except (ImportError, SettingsError) as error:
        return str(error)
    return ""


@pytest.mark.local
@pytest.mark.skipif(bool(missing()), reason=f"no local model here: {missing()}")
def test_the_real_model_is_started_measured_and_ended(tmp_path: Path) -> None:
    """The form of the result alone: how fast this machine is says nothing here."""
    path = tmp_path / "plan.yaml"
    path.write_text(
        "roteiro: 1\nproviders:\n  house: {name: local, model: smollm2, local: {slots: 2, context: 256, threads: 1}}\nmodels:\n  chat: {targets: [house]}\n"
    )
    answer = CliRunner().invoke(
        app, ["calibrate", str(path), "--provider", "house", "--requests", "40", "--at-once", "2", "--seconds", "150", "--json"]
    )
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert [one["name"] for one in told["fit"]["parameters"]] == ["alpha", "beta", "prefill", "gamma", "network"]
    values = [one["value_s"] for one in told["fit"]["parameters"]]
    assert min(values) >= 0.0 < max(values)
    assert told["requests"] <= 41
    assert told["servers"].startswith("servers: {replicas: 1, batch: ")
