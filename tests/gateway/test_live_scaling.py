"""Scaling, live: servers of a local model come when tokens wait and leave when none do, and no request is broken by any of it.

The servers are sandboxes in processes of their own (`fake_models`), which start as fast as Python does; the last test has the real model.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gateway.server import Server, eventually, is_alive
from tests.providers.test_local import real

from roteiro.ledger import Ledger
from roteiro.tasks.replay import replay
from roteiro.terms.codes import Reason, Step

PLAN = """
roteiro: 1
providers:
  own: {name: local, model: m, weight: 1, on_premises: true, price: {input: $0/M, output: $0/M}, local: {slots: 2},
        servers: {replicas: 1, least: 1, most: 2, batch: 2, queue: 50, start_up: 30s}}
models:
  chat: {targets: {own: 1}, retry: {attempts: 3}, timeouts: {total: 60s}}
tenants:
  t: {workloads: [chat]}
workloads:
  chat: {model: chat, queue: {size: 100, max_wait: 30s}}
scaling_policies:
  stabilisation: 1s
  token_based: {scale_up_threshold: 40, scale_down_threshold: 20, cooldown: 1}
"""


class FakeServer(Server):
    module = "tests.gateway.fake_models"


def rows(server: Server) -> list[dict[str, Any]]:
    return [row for row in server.state()["local_models"] if row["provider"] == "own"]


def standing(server: Server) -> list[str]:
    return sorted(row["standing"] for row in rows(server))


def pool(server: Server) -> dict[str, Any]:
    (found,) = server.state()["pools"]
    return dict(found)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServer]:
    folder = tmp_path_factory.mktemp("scaling")
    (folder / "plan.yaml").write_text(PLAN)
    with FakeServer(folder / "plan.yaml", folder / "data", {}) as server:
        yield server


def test_a_second_server_comes_under_load_and_leaves_without_it(served: FakeServer) -> None:
    key = served.key("t")
    assert standing(served) == ["serving"]
    with served.load(key, clients=8) as load:
        eventually(lambda: standing(served) == ["serving", "serving"])
        eventually(lambda: pool(served)["ready"] == 2)
        first, second = (row["base_url"] for row in rows(served))
        load.more(12)
        # One of them is killed while requests are under way: the other takes them, and it is brought back.
        victim = rows(served)[1]["pid"]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: sum(row["pid"] not in (victim, None) and row["base_url"] is not None for row in rows(served)) == 2)
        load.more(12)
    assert set(load.statuses) == {200}, load.statuses
    assert first != second
    eventually(lambda: standing(served) == ["serving"] and pool(served)["ready"] == 1)
    assert served.chat(key) == 200
    assert pool(served)["start_up_s"] < 30.0, "measured, and not the plan's"


def test_a_server_that_leaves_ends_its_calls_first(served: FakeServer) -> None:
    """With eight requests at once the second one comes back; while they come slowly enough for one, it leaves. Nothing breaks."""
    key = served.key("t")
    with served.load(key, clients=8) as load:
        eventually(lambda: pool(served)["ready"] == 2)
        load.more(4)
    with served.load(key, clients=1) as one:
        eventually(lambda: standing(served) == ["serving"])
    assert set(load.statuses) | set(one.statuses) == {200}


def test_the_decisions_are_in_the_ledger_and_come_again(served: FakeServer) -> None:
    name, data = str(served.ready["run"]), served.data
    served.stop()
    found = replay(data, name)
    assert found.identical, found
    decisions = Ledger(data).rows("decisions", name)
    up, down = decisions[decisions["reason"] == Reason.SCALED_UP], decisions[decisions["reason"] == Reason.SCALED_DOWN]
    assert len(up) >= 2 and len(down) >= 2
    assert (up["x"] > 40).all() and (up["y"] == 40).all() and (up["argument"] == 2).all() and (down["argument"] == 1).all()
    told = decisions[decisions["step"] == Step.CAPACITY]
    assert set(told["b"].tolist()) == {1, 2}
    assert ((told["d"] > 0) <= (told["b"] >= 1)).all() and np.count_nonzero(told["d"]) >= 2, "each start was measured"


def test_advisory_notes_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN.replace("stabilisation: 1s", "mode: advisory\n  stabilisation: 1s"))
    with FakeServer(tmp_path / "plan.yaml", tmp_path / "data", {}, workers=1) as server:
        key = server.key("t")
        with server.load(key, clients=8) as load:
            eventually(lambda: pool(server)["wanted"] == 2)
            load.more(8)
            assert standing(server) == ["serving"] and pool(server)["ready"] == 1
        assert 'roteiro_replicas_wanted{target="own"} 2.0' in server.admin("GET", "/metrics")[1]
        pids = [row["pid"] for row in rows(server)]
        server.kill()
        eventually(lambda: not any(is_alive(pid) for pid in pids))


class TestRealModel:
    pytestmark = real

    def test_a_second_one_comes_and_leaves(self, tmp_path: Path) -> None:
        plan = PLAN.replace("local: {slots: 2}", "local: {gguf: smollm2, slots: 2, threads: 1, context: 256}")
        (tmp_path / "plan.yaml").write_text(plan)
        with Server(tmp_path / "plan.yaml", tmp_path / "data", {}, workers=1) as server:
            with server.load(server.key("t"), clients=8) as load:
                eventually(lambda: pool(server)["ready"] == 2)
                load.more(4)
            eventually(lambda: standing(server) == ["serving"])
            assert set(load.statuses) == {200}
            assert 0.0 < pool(server)["start_up_s"] < 30.0
