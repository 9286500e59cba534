"""Workers are replaced, and a crash loop has an end."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from roteiro.gateway import crew as crews
from roteiro.gateway.crew import MOST_DEATHS, Crew
from roteiro.gateway.data_directory import DataDirectory
from roteiro.gateway.doors import Doors
from roteiro.terms.error import SettingsError


class ShortLived:
    """A worker that ends as soon as it began; `starts` false: that does not even begin."""

    count = 0
    starts = True

    @classmethod
    async def start(cls, *_: object, **__: object) -> "ShortLived":
        cls.count += 1
        if cls.count > 1 and not cls.starts:
            raise SettingsError("worker 0 could not start: exit code 1, its log says why")
        return cls()

    pid = 4_000_000

    async def wait(self) -> int:
        return 3

    def signal(self, number: int) -> None:
        """It is gone."""


@pytest.mark.parametrize("starts", [True, False])
async def test_a_crash_loop_ends_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: bool) -> None:
    fake: Any = type("Fake", (ShortLived,), {"starts": starts, "count": 0})
    monkeypatch.setattr(crews, "Child", fake)
    monkeypatch.setattr(crews, "_FIRST_PAUSE_S", 0.001)
    data = DataDirectory(tmp_path)
    data.hold()
    died: list[int] = []
    broke: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with closing(Doors.open("127.0.0.1", 0, 1)) as doors:
        crew = Crew(data, data.new_run(), doors, 1, drain_s=1.0, tls=None, died=died.append, broke=broke.set_result)
        await crew.start()
        why = await asyncio.wait_for(broke, 30)
        await crew.drain(asyncio.Event())
        crew.close()
    data.release()
    assert why == f"worker 0 ended {MOST_DEATHS} times in a row, each time within 10 s of its start; its log says why"
    assert len(died) == (MOST_DEATHS if starts else 1), "each dead worker's requests are settled before another begins"
    assert fake.count == MOST_DEATHS
