"""The example of every lever: it is a plan without a problem, it says each key of the levers at least once, and it can be laid out."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from tests.journey.world import EPOCH_UNIX_S

from roteiro.plan import model
from roteiro.plan.compile import compile_plan, fresh_block
from roteiro.plan.read import Reading, read

LEVERS = Path(__file__).parents[2] / "examples" / "levers.yaml"
PARTS: dict[str, type[BaseModel]] = {
    "hedge": model.Hedge, "complexity": model.Tiers, "batching": model.Batching, "batch": model.Batch, "exact": model.ExactCache, "semantic": model.SemanticCache,
    "embeddings": model.EmbeddingCache, "off_peak": model.OffPeak, "price": model.Price, "idempotency": model.Idempotency, "dead_letters": model.DeadLetters,
    "cost_based": model.CostScaling,
}  # fmt: skip
KEYS = [
    *("dialect", "kind", "key_env", "assistant_prefix", "larger_context", "rescue", "hedge", "on_disconnect", "complexity", "cache"),
    *("batching", "idempotency", "dead_letters", "dead_letter", "batch", "cost_based"),
]


@pytest.fixture(scope="module")
def levers() -> Reading:
    return read(LEVERS)


def test_it_has_no_problem(levers: Reading) -> None:
    assert [str(problem) for problem in levers.problems] == []


def test_it_says_every_key(levers: Reading) -> None:
    said = set(levers.marks.rows)
    assert [key for key in KEYS if not any(path[-1:] == (key,) for path in said)] == []
    for holder, part in PARTS.items():
        keys = [info.alias or name for name, info in part.model_fields.items() if name != "metric"]
        assert [key for key in keys if not any(path[-2:] == (holder, key) for path in said)] == [], holder
    for key in model.ModelCache.model_fields:
        assert any(path[:1] == ("models",) and path[-2:] == ("cache", key) for path in said), key
    assert [info.alias for info in model.Cache.model_fields.values() if ("cache", info.alias) not in said] == []


def test_it_is_of_several_dialects_and_kinds(levers: Reading) -> None:
    assert levers.plan is not None
    providers = levers.plan.providers.values()
    assert {(one.dialect, one.kind) for one in providers} == {("openai", "chat"), ("anthropic", "chat"), ("gemini", "embedding")}
    assert any(one.local for one in providers)


def test_it_can_be_laid_out(levers: Reading) -> None:
    assert levers.plan is not None
    compiled = compile_plan(levers.plan, levers.digest)
    _, state = fresh_block(compiled, EPOCH_UNIX_S)
    assert state.header[0]["hour_bound_nusd"] == 6 * 10**9
    assert sum(route.hedge for route in compiled.edge.routes) == 2
