"""Personalities: what one is, shows in the answers; a script changes it under one name."""

import random

import httpx
import pytest

from roteiro.testing.personality import Personality
from roteiro.testing.sandbox import SandboxServer
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.script import Phase, Script, read_script

BOOK = {"Capital of Australia?": ("Canberra", "Sydney")}
FREE = "A lighthouse guides ships safely past the rocks"


def texts(personality: Personality, right: str = FREE, count: int = 400) -> list[str]:
    return [personality.answer(right, "wrong", random.Random(n)).text for n in range(count)]


def test_shares_are_what_they_say() -> None:
    said = texts(Personality(accuracy=0.8, refusals=0.1))
    assert 0.05 < sum("sorry" in one or "assist" in one or "Desculpe" in one for one in said) / 400 < 0.15
    assert 0.13 < sum(one.startswith("wrong") for one in said) / 400 < 0.23


def test_words_lengthen_free_answers_alone() -> None:
    longer = texts(Personality(words=10))
    assert 8 <= sum(len(one.split()) for one in longer) / 400 - len(FREE.split()) <= 12
    assert {one.rstrip(".") for one in texts(Personality(words=10), "Canberra")} == {"Canberra"}


def test_the_same_asking_is_answered_alike() -> None:
    assert texts(Personality(words=5)) == texts(Personality(words=5))


async def ask(server: SandboxServer, question: str) -> tuple[str, str]:
    body = {"model": "m", "messages": [{"role": "user", "content": question}], "logprobs": True}
    async with httpx.AsyncClient() as client:
        answer = (await client.post(f"{server.base_url}/chat/completions", json=body)).json()
    return answer["choices"][0]["message"]["content"].rstrip("."), answer["system_fingerprint"]


async def test_another_answers_under_the_same_name_once_the_script_says_so() -> None:
    script = Script(phases=(Phase(requests=2), Phase(personality=Personality(accuracy=0.0))))
    async with SandboxServer(SandboxSettings(book=BOOK, script=script)) as server:
        said = [await ask(server, "Capital of Australia?") for _ in range(4)]
        assert [text for text, _ in said] == ["Canberra", "Canberra", "Sydney", "Sydney"]
        assert {name for _, name in said} == {"fp_sandbox_sandbox"}
        server.play(Script(phases=(Phase(personality=Personality(version="-2")),)))
        assert await ask(server, "Capital of Australia?") == ("Canberra", "fp_sandbox_sandbox-2")


@pytest.mark.parametrize("settings", [SandboxSettings(book=BOOK, personality=Personality(accuracy=0.5, words=3))])
def test_settings_survive_being_told_to_a_process(settings: SandboxSettings) -> None:
    assert SandboxSettings.from_json(settings.to_json()) == settings
    assert read_script("[{personality: {accuracy: 0.5}}]").phases[0].personality == Personality(accuracy=0.5)
