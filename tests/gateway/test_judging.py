"""Who judges follows the plan in force, and what the server asks in its own name is never judged."""

from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from roteiro.gateway import judging as module
from roteiro.gateway.canaries_runner import CanariesSpec
from roteiro.gateway.examination import EdgeFile
from roteiro.gateway.internal import Secrets, share_secrets
from roteiro.gateway.judge import JudgeSpec
from roteiro.gateway.judging import Judging
from roteiro.gateway.sampler import Sample
from roteiro.plan.compile import compile_plan
from roteiro.plan.own import with_own
from roteiro.plan.read import read_text
from roteiro.quality.answered import Answered
from roteiro.quality.asked import Asked

PLAN = """
roteiro: 1
providers:
  a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
  b: {name: vllm, model: n, base_url: "http://127.0.0.1:1/v1"}
tenants: {acme: {}}
quality: {judge: {model: n}}
"""


class Fake:
    made: ClassVar["list[Fake]"] = []

    def __init__(self, spec: JudgeSpec, *_: object) -> None:
        self.spec, self.offered, self.runs = spec, list[Any](), False
        Fake.made.append(self)

    def start(self) -> None:
        self.runs = True

    def stop(self) -> None:
        self.runs = False

    def offer(self, sample: object) -> None:
        self.offered.append(sample)


def spec(tmp_path: Path, model: str | None) -> bytes:
    judge = None if model is None else JudgeSpec(model=model)
    return msgspec.json.encode(
        CanariesSpec(
            edge="e", host="127.0.0.1", port=1, store=str(tmp_path / "q"), targets=[], probes=[], every_s=1.0, per_round=1, repeats=1,
            false_alarms=0.01, judge=judge,
        )
    )  # fmt: skip


def test_it_follows_the_plan_and_leaves_out_what_is_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "inner_judge", Fake)
    Fake.made.clear()
    plan = read_text(PLAN).plan
    assert plan is not None
    edge = compile_plan(with_own(plan), "digest").edge
    (tmp_path / "edge").write_bytes(msgspec.json.encode(edge))
    path, fd = tmp_path / "canaries.json", share_secrets(Secrets.make(tmp_path / "vault", []))
    judging = Judging(path, fd, EdgeFile(tmp_path / "edge"), lambda: None)  # type: ignore[arg-type, return-value]
    judging.follow()
    assert Fake.made == []
    for n, (model, made) in enumerate([("n", 1), ("n", 1), ("m", 2), (None, 2)]):
        path.with_suffix(f".{n}").write_bytes(spec(tmp_path, model))
        path.with_suffix(f".{n}").replace(path)
        judging.follow()
        assert len(Fake.made) == made
        if model == "n":
            for name in ("acme", "judge"):
                sample = Sample(n, edge.key_names.index(f"tenant:{name}"), 0, 0, 0, False, "a", 0.0, b"", b"", 0, 0, 0)
                judging.offer(sample, 0, Asked(question="O que é isto, em português?"), Answered("x"))
    first, second = Fake.made
    assert [(one.request, one.language) for one in first.offered] == [(0, "pt"), (1, "pt")]
    assert not first.runs
    assert not second.runs
