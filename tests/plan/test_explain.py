"""Explaining: every value of the resolved plan, and where it comes from."""

from pathlib import Path

from roteiro.plan.explain import explain
from roteiro.plan.read import Reading, read, read_text

PLAN = """\
roteiro: 1
providers:
  a: {name: openai, model: gpt-4o-mini}
retry: {attempts: 2}
models:
  chat: {targets: [a]}
budgets: {b: $5/day}
"""


def rows(reading: Reading) -> dict[str, tuple[str, str]]:
    return {row.path: (row.value, row.origin) for row in explain(reading)}


def test_each_origin() -> None:
    told = rows(read_text(PLAN))
    assert told["providers.a.model"] == ("gpt-4o-mini", "plan.yaml:3:28")
    assert told["providers.a.base_url"] == ("https://api.openai.com/v1", "catalogue: openai")
    assert told["providers.a.price.input"][0] == "$0.15/1M tokens"
    assert told["providers.a.price.input"][1].startswith("catalogue: genai-prices ")
    assert told["providers.a.breaker.window"] == ("30s", "default")
    assert told["models.chat.retry.attempts"] == ("2", "retry.attempts")
    assert told["models.chat.retry.backoff"] == ("200ms", "default")
    assert told["models.chat.targets.a"] == ("1", "providers.a.weight")
    assert told["models.auto.targets.a"] == ("1", "there unasked")
    assert told["budgets.b.amount"] == ("$5", "plan.yaml:7:14")
    assert told["timezone"] == ("UTC", "default")


LEVERS = """\
roteiro: 1
providers:
  a: {name: anthropic, model: claude-3-5-haiku, key_env: [K1, K2]}
  b: {name: deepseek, model: deepseek-chat, dialect: openai}
  c: {name: anthropic, model: m, base_url: "http://127.0.0.1:1/v1"}
models:
  chat: {targets: [a, b], hedge: {after: p95}, cache: {exact: true}}
  slow: {targets: [b], on_disconnect: drain}
request: {on_disconnect: 5s}
"""


def test_levers_and_where_they_come_from() -> None:
    told = rows(read_text(LEVERS))
    assert told["providers.a.dialect"] == ("anthropic", "catalogue: anthropic")
    assert told["providers.b.dialect"] == ("openai", "plan.yaml:4:54")
    assert told["providers.c.dialect"] == ("openai", "default")
    assert told["providers.a.key_env[1]"] == ("K2", "plan.yaml:3:63")
    assert told["providers.b.key_env"] == ("DEEPSEEK_API_KEY", "catalogue: deepseek")
    assert told["providers.a.assistant_prefix"] == ("true", "default")
    assert told["providers.b.price.off_peak.from"][0] == "16:30"
    assert told["providers.b.price.off_peak.from"][1].startswith("catalogue: genai-prices ")
    assert told["providers.b.price.off_peak.discount"][0] == "50%"
    assert told["models.chat.rescue"] == ("true", "default")
    assert told["models.chat.hedge.after"] == ("p95", "plan.yaml:7:42")
    assert told["models.chat.hedge.at_most"] == ("5%", "default")
    assert told["models.chat.cache.exact.ttl"] == ("1h", "default")
    assert told["models.chat.cache.semantic"] == ("none", "default")
    assert told["models.chat.on_disconnect"] == ("5s", "request.on_disconnect")
    assert told["models.slow.on_disconnect"] == ("drain", "plan.yaml:8:39")
    assert told["models.auto.on_disconnect"] == ("5s", "request.on_disconnect")
    assert told["request.idempotency.keep"] == ("1d", "default")
    assert told["cache.size"] == ("256MiB", "default")
    assert told["dead_letters.keep"] == ("1w", "default")
    assert told["workloads.default.batch.run"] == ("always", "there unasked")


def test_what_was_written_is_told_apart() -> None:
    written = {row.path for row in explain(read_text(PLAN)) if row.written}
    assert written == {"roteiro", "providers.a.name", "providers.a.model", "retry.attempts", "budgets.b.amount", "budgets.b.period",
                       "budgets.b.warn_at", "budgets.b.degrade_at", "budgets.b.stop_at"}  # fmt: skip


def test_overlays_are_named(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "plan.prod.yaml").write_text("retry: {attempts: 4}\n", encoding="utf-8")
    assert rows(read(tmp_path / "plan.yaml", "prod"))["retry.attempts"] == ("4", f"{tmp_path / 'plan.prod.yaml'}:1:19")


def test_a_plan_with_errors_is_not_explained() -> None:
    assert explain(read_text("roteiro: 3")) == ()
