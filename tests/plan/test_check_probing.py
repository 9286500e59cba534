"""Cross-checks of canaries and the judge: the docstring of each test is a plan (see `test_check_levers`)."""

from pathlib import Path

from tests.plan.test_check_levers import finds

from roteiro.plan import check_probing
from roteiro.plan.look import CHECKS
from roteiro.plan.read import read


@finds("E363", "quality.canaries.suites", "none.yaml:1")
def test_a_suite_that_is_not_there() -> None:
    """
    providers: {a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}}
    quality: {canaries: {suites: none.yaml}}
    """


@finds("E364", "quality.judge.labelled", "none.yaml:1")
def test_labels_that_are_not_there() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: n, base_url: "http://127.0.0.1:1/v1"}
    quality: {judge: {model: n, labelled: none.yaml}}
    """


@finds("E365", "quality.canaries.targets[0]", "names e, which embeds")
def test_a_target_that_embeds() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
      e: {name: vllm, model: v, kind: embedding, base_url: "http://127.0.0.1:1/v1"}
    quality: {canaries: {targets: [e]}}
    """


@finds("E366", "quality.canaries.budget", "one round may cost $0.0")
def test_a_budget_that_pays_no_round() -> None:
    """
    providers: {a: {name: openai, model: gpt-4o}}
    quality: {canaries: {budget: $0.001/day}}
    """


@finds("W367", "quality.canaries.budget", "of 96 rounds a day")
def test_a_budget_that_ends_early() -> None:
    """
    providers: {a: {name: openai, model: gpt-4o}}
    quality: {canaries: {budget: $0.1/day}}
    """


@finds("E368", "quality.judge.model", "is v, which embeds")
def test_a_judge_that_embeds() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
      e: {name: vllm, model: v, kind: embedding, base_url: "http://127.0.0.1:1/v1"}
    quality: {judge: {model: v}}
    """


@finds("E369", "quality.judge.model", "is auto, which every provider of the plan may answer for")
def test_a_judge_of_nobody_else() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: n, base_url: "http://127.0.0.1:1/v1"}
    quality: {judge: {model: auto}}
    """


@finds("E369", "quality.judge.share", "is 0%")
def test_a_judge_that_is_shown_nothing() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: n, base_url: "http://127.0.0.1:1/v1"}
    quality: {judge: {model: n, share: 0%}}
    """


@finds("W370", "quality.judge.judges_itself", "is true")
def test_a_judge_of_itself() -> None:
    """
    providers: {a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}}
    quality: {judge: {model: m, judges_itself: true}}
    """


@finds("E371", "tenants.canaries.tier", "is gold")
def test_canaries_in_a_tier() -> None:
    """
    providers: {a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}}
    sla_tiers: {gold: {latency_p95: 2s}}
    tenants: {canaries: {tier: gold}}
    quality: {canaries: true}
    """


@finds("E201", "quality.judge.model", "nobody")
def test_a_judge_that_is_no_model() -> None:
    """
    providers: {a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}}
    quality: {judge: {model: nobody}}
    """


def test_every_problem_of_a_suite_is_told_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text('questions:\n  one: {ask: "?", expect: {}}\n  two: {ask: "?", expect: {regex: "("}}\n')
    (tmp_path / "plan.yaml").write_text(
        'roteiro: 1\nproviders: {a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}}\nquality: {canaries: {suites: mine.yaml}}\n'
    )
    told = [problem.message for problem in read(tmp_path / "plan.yaml").errors]
    assert len(told) == 2
    assert f"{tmp_path}/mine.yaml:2:" in told[0] and "E360" in told[0]
    assert f"{tmp_path}/mine.yaml:3:" in told[1] and "E361" in told[1]


def test_every_check_has_a_case() -> None:
    from tests.plan.test_check_levers import SHOWN

    assert {code for code, check in CHECKS if check.__module__ == check_probing.__name__} <= SHOWN
