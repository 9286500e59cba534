"""Cross-checks: for every code one plan that it is found in; and none of them in a plan that is sound."""

import re

import pytest
from tests.plan.chapter import BLOCKS

from roteiro.plan import (
    check_credits,
    check_levers,
    check_notify,
    check_objectives,
    check_observe,
    check_prices,
    check_probing,
    check_regions,
    check_vendors,
)
from roteiro.plan.look import CHECKS
from roteiro.plan.read import read_text
from roteiro.plan.starter import Language, starter

HEAD = "roteiro: 1\n"
LOCAL = "  here: {name: local, model: m, local: smollm2}\n"
BASE = HEAD + "providers:\n" + LOCAL
PAIR = BASE + "  there: {name: local, model: n, local: smollm2}\n"


def here(more: str) -> str:
    """A plan of one provider, with more said of it."""
    return HEAD + f"providers: {{here: {{name: local, model: m, local: smollm2, {more}}}}}\n"


def rules(*rows: str, base: str = BASE) -> str:
    """A plan with routing rules, each `condition → action` and perhaps `, for: …`."""
    split = [row.partition(" → ") for row in rows]
    return base + "routing_logic: [" + ", ".join(f"{{condition: {condition}, action: {action}}}" for condition, _, action in split) + "]\n"


CASES: list[tuple[str, str, str, str]] = [
    # code, path, words of the message, plan
    ("W202", "", "names no provider", HEAD + "budgets: {b: $5/day}\n"),
    ("E203", "providers.here.weight", "is -1; at least 0", here("weight: -1")),
    ("E203", "providers", "no weight above 0", here("weight: 0")),
    ("E203", "models.chat.targets", "no weight above 0", BASE + "models: {chat: {targets: {here: 0}}}\n"),
    (
        "W204",
        "providers.spare",
        "is reached by no model",
        BASE + "  spare: {name: local, model: n, local: smollm2}\nmodels: {chat: {targets: [here]}}\n",
    ),
    (
        "E205",
        "models.a.degrade_to",
        "a → b → a",
        BASE + "models: {a: {targets: [here], degrade_to: b}, b: {targets: [here], degrade_to: a}}\n",
    ),
    (
        "W206",
        "models.chat.fallbacks[0]",
        "here has a context of 2048; the model's is 128k",
        BASE + "  far: {name: openai, model: gpt-4o-mini}\nmodels: {chat: {targets: [far], fallbacks: [here]}}\n",
    ),
    (
        "W206",
        "models.chat.degrade_to",
        "small has a context of 2048; this model's is 128k",
        BASE + "  far: {name: openai, model: gpt-4o-mini}\nmodels: {chat: {targets: [far], degrade_to: small}, small: {targets: [here]}}\n",
    ),
    ("E209", "routing_logic[0].condition", "never hold: it is at most 100%", rules("here.error_rate > 100% → avoid_here")),
    ("E209", "routing_logic[0].condition", "attempts are cut at 60000ms", rules("here.latency > 2min → avoid_here")),
    ("E209", "routing_logic[0].condition", "concurrency is 256", rules("here.in_flight > 300 → avoid_here")),
    ("E209", "routing_logic[0].condition", "it is at least 0%", rules("here.error_rate < 0% → avoid_here")),
    ("E209", "routing_logic[0].condition", "it is at most 23", rules("hour > 23 → avoid_here")),
    ("W210", "routing_logic[0].condition", "always holds", rules("here.error_rate >= 0% → avoid_here")),
    ("W211", "routing_logic[0].for", "holds for 100ms; a tick is 250ms", rules("here.in_flight > 3 → avoid_here, for: 100ms")),
    ("E213", "providers.here.breaker.open_for", "is 2min; at most max_open, 1min", here("breaker: {open_for: 2min}")),
    ("E213", "providers.here.breaker.window", "is 500ms; at least 1s", here("breaker: {window: 500ms}")),
    (
        "W214",
        "providers.here.breaker.minimum_calls",
        "a quota of 10/min lets fewer through in 30s",
        here("limits: {requests: 10/min}"),
    ),
    ("W214", "providers.here.breaker.slow_call", "an attempt is cut at 1min", here("breaker: {slow_call: 90s}")),
    (
        "E215",
        "models.chat.retry",
        "waits of 8s between 5 attempts; the deadline is 5s",
        BASE + "models: {chat: {targets: [here], retry: {attempts: 5, backoff: 2s, max_backoff: 2s}, timeouts: {total: 5s}}}\n",
    ),
    ("E215", "retry", "waits of 3min", BASE + "retry: {attempts: 4, backoff: 1min, max_backoff: 1min}\n"),
    ("W216", "retry.attempts", "is 9; at most 4", BASE + "retry: {attempts: 9}\n"),
    (
        "W216",
        "models.chat.retry.attempts",
        "is 5; at most 2 (each may wait 30s for its first byte; the deadline is 1min)",
        BASE + "models: {chat: {targets: [here], retry: {attempts: 5}, timeouts: {total: 60s}}}\n",
    ),
    ("W217", "providers.here.timeouts.first_token", "the whole attempt is cut at 20s", here("timeouts: {attempt: 20s, idle: 9s}")),
    ("W217", "retry.backoff", "max_backoff is 5s", BASE + "retry: {backoff: 9s}\n"),
    ("W230", "providers.far.model", "the catalogue does not know openai gpt-none", BASE + "  far: {name: openai, model: gpt-none}\n"),
    (
        "W231",
        "providers.far",
        "though llm.example.com is not on premises",
        BASE + "  far: {name: example, model: m, base_url: 'https://llm.example.com/v1'}\n",
    ),
    ("W232", "providers.far", "neither base_url nor a local model", BASE + "  far: {name: vllm, model: m}\n"),
    ("E233", "providers.here.base_url", "stands beside a local model", here("base_url: 'http://127.0.0.1:1/v1'")),
    (
        "W234",
        "providers.far.base_url",
        "over http to far.example",
        BASE + "  far: {name: vllm, model: m, base_url: 'http://far.example/v1', key_env: KEY}\n",
    ),
    ("E244", "providers.here.max_output_tokens", "the context is 2048", here("max_output_tokens: 2048")),
    ("W249", "models.chat.fallbacks[0]", "already among", BASE + "models: {chat: {targets: [here], fallbacks: [here]}}\n"),
    (
        "W250",
        "providers.b",
        "the same model at the same address",
        HEAD + "providers: {a: {name: openai, model: gpt-4}, b: {name: openai, model: gpt-4}}\n",
    ),
    ("E201", "tenants.acme.tier", "unknown tier 'gold'", BASE + "tenants: {acme: {tier: gold}}\nsla_tiers: {golden: {}}\n"),
    ("E201", "tenants.acme.workloads[0]", "unknown workload 'chat'", BASE + "tenants: {acme: {workloads: [chat]}}\n"),
    ("E201", "tenants.acme.models[0]", "unknown model 'chat'", BASE + "tenants: {acme: {models: [chat]}}\n"),
    ("E201", "workloads.w.model", "unknown model 'chat'", BASE + "workloads: {w: {model: chat}}\n"),
    ("E201", "models.a.degrade_to", "unknown model 'b'", BASE + "models: {a: {targets: [here], degrade_to: b}}\n"),
    ("E201", "models.a.fallbacks[0]", "unknown provider 'there'", BASE + "models: {a: {targets: [here], fallbacks: [there]}}\n"),
    ("E201", "demand.mix[0].tenant", "unknown tenant 'x'", BASE + "demand: {mix: [{tenant: x, share: 100%}]}\n"),
    (
        "W220",
        "tenants.acme.limits.requests",
        "is 600/min; the providers' quotas together are 60/min",
        here("limits: {requests: 60/min}}}\ntenants: {acme: {limits: {requests: 600/min}"),
    ),
    ("W220", "workloads.w.concurrency", "the providers take 256 at once", BASE + "workloads: {w: {concurrency: 300}}\n"),
    ("E221", "budgets.b.warn_at", "is 90%; at most stop_at, 50%", BASE + "budgets: {b: {amount: $5, warn_at: 90%, stop_at: 50%}}\n"),
    ("W222", "budgets.b.degrade_at", "no model has degrade_to", BASE + "budgets: {b: {amount: $5, degrade_at: 90%}}\n"),
    ("W222", "routing_logic[0].action", "no model has degrade_to", rules("here.in_flight > 3 → degrade")),
    ("W223", "tenants.acme.budgets.b", "beside a", BASE + "tenants: {acme: {budgets: {a: $5/day, b: $6/day}}}\n"),
    (
        "W224",
        "tenants.acme.budgets.a",
        "is $5 a day; budgets.all is $2",
        BASE + "budgets: {all: $2/day}\ntenants: {acme: {budgets: {a: $5/day}}}\n",
    ),
    ("W225", "budgets.b", "nothing may be spent", BASE + "budgets: {b: $0/day}\n"),
    (
        "W226",
        "routing_logic[1].action",
        "sends it back for the same cause",
        rules("here.latency > 2s → route_to_there", "there.latency > 2s → route_to_here", base=PAIR),
    ),
    ("W227", "routing_logic[1]", "never acts", rules("hour > 2 → route_to_there", "hour > 2 → route_to_here", base=PAIR)),
    ("W228", "routing_logic[0].action", "sends traffic to here because", rules("here.latency > 2s → route_to_here")),
    ("W229", "routing_logic[0].condition", "every provider is on premises", rules("all_cloud_unavailable → route_to_here")),
    ("E111", "routing_logic[0].condition", "unknown provider 'hree'", rules("hree.latency > 2s → route_to_here")),
    ("E111", "routing_logic[0].action", "unknown provider 'hree'", rules("here.in_flight > 2 → avoid_hree")),
    ("E235", "demand.mix", "adds up to 90%, not 100%", BASE + "demand: {mix: [{share: 50%}, {share: 40%}]}\n"),
    ("E235", "demand.groups.g.mix", "adds up to 90%", BASE + "demand: {groups: {g: {rate: 1/s, mix: [{share: 90%}]}}}\n"),
    (
        "E401",
        "demand.groups",
        "adds up to 70%, not 100%",
        BASE + "demand: {arrivals: {rate: 9/s}, groups: {a: {share: 40%}, b: {share: 30%}}}\n",
    ),
    ("E402", "demand.groups.a.share", "has no rate of a process", BASE + "demand: {groups: {a: {share: 100%}}}\n"),
    (
        "E403",
        "demand.correlation",
        "has no output_tokens",
        here("service: {output_tokens: {median: 9, p95: 20}}") + "demand: {correlation: 0.4}\n",
    ),
    (
        "E403",
        "demand.groups.a.correlation",
        "has no output_tokens",
        here("service: {output_tokens: {median: 9, p95: 20}}") + "demand: {groups: {a: {rate: 1/s, correlation: -0.4}}}\n",
    ),
    (
        "W404",
        "demand.prefixes.tokens",
        "is 1024; half of the requests are shorter than 500",
        BASE + "demand: {input_tokens: {median: 500, p95: 900}, prefixes: {count: 9}}\n",
    ),
    (
        "W405",
        "demand.shape",
        "changes no recorded arrival",
        BASE + "demand: {arrivals: {process: trace, trace: a.csv}, shape: {growth: +5%}}\n",
    ),
    ("W406", "demand.arrivals.cv", "is 2, and the process is poisson", BASE + "demand: {arrivals: {rate: 1/s, cv: 2}}\n"),
    ("W406", "demand.groups.g.process", "is weibull, without a cv", BASE + "demand: {groups: {g: {rate: 1/s, process: weibull}}}\n"),
    ("W407", "demand.spread.users", "is of users, and there is no such factor", BASE + "demand: {spread: {users: 5%}}\n"),
    (
        "W236",
        "demand.mix[0].workload",
        "is b, which is not among the workloads of tenant acme",
        BASE + "workloads: {a: {}, b: {}}\ntenants: {acme: {workloads: [a]}}\ndemand: {mix: [{tenant: acme, workload: b, share: 100%}]}\n",
    ),
    (
        "E238",
        "scaling_policies.token_based.scale_down_threshold",
        "below scale_up_threshold, 10",
        BASE + "scaling_policies: {token_based: {scale_up_threshold: 10, scale_down_threshold: 20}}\n",
    ),
    (
        "W239",
        "scaling_policies.cost_based.fallback_model",
        "no provider or model of the plan has",
        BASE + "scaling_policies: {cost_based: {max_budget: 5, fallback_model: tiny}}\n",
    ),
    (
        "W240",
        "tenants.acme.workloads[0]",
        "not among the tenant's models",
        BASE + "models: {chat: {targets: [here]}}\nworkloads: {w: {model: chat}}\ntenants: {acme: {workloads: [w], models: [auto]}}\n",
    ),
    ("W241", "demand.input_tokens.p95", "model auto has a context of 2048", BASE + "demand: {input_tokens: {median: 2k, p95: 4k}}\n"),
    ("W245", "queue.max_wait", "is 3min; the longest deadline of a model is 2min", BASE + "queue: {max_wait: 3min}\n"),
    ("E246", "sla_tiers.gold.ttft_p95", "is 2s; latency_p95 is 1s", BASE + "sla_tiers: {gold: {ttft_p95: 2s, latency_p95: 1s}}\n"),
]


@pytest.mark.parametrize(("code", "path", "words", "text"), CASES, ids=[f"{case[0]}-{case[1] or 'plan'}" for case in CASES])
def test_each_check_finds_its_case(code: str, path: str, words: str, text: str) -> None:
    reading = read_text(text)
    told = [str(problem) for problem in reading.problems]
    found = [problem for problem in reading.problems if (problem.code, problem.path) == (code, path)]
    assert found, told
    assert words in found[0].message, told
    # An error of another kind would mean that the case shows something else than it says.
    assert {problem.code for problem in reading.errors} <= {code}, told


def test_every_check_has_a_case() -> None:
    own_tests = {
        module.__name__
        for module in (
            check_credits,
            check_levers,
            check_notify,
            check_objectives,
            check_observe,
            check_prices,
            check_probing,
            check_regions,
            check_vendors,
        )
    }
    elsewhere = {code for code, check in CHECKS if check.__module__ in own_tests}
    assert {code for code, _ in CHECKS} - elsewhere == {case[0] for case in CASES}


@pytest.mark.parametrize("text", [BASE, starter("en"), starter("pt-BR")], ids=["base", "starter-en", "starter-pt"])
def test_a_sound_plan_has_no_problem(text: str) -> None:
    assert [str(problem) for problem in read_text(text).problems] == []


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_the_starters_levers_are_plans_too(language: Language) -> None:
    """Each commented line, with its # taken away, leaves a sound plan; larger_context wants its model first."""
    lines = starter(language).splitlines()
    levers = [n for n, line in enumerate(lines) if re.match(r" *# (key_env|cache|hedge|complexity|on_disconnect|scaling_policies):", line)]
    assert len(levers) == 6
    for n in levers:
        lines[n] = lines[n].replace("# ", "", 1)
    lines = [line for line in lines if not line.strip().startswith("key_env: OPENAI_API_KEY")]
    assert [str(problem) for problem in read_text("\n".join(lines)).problems] == []


def test_the_chapters_vendor_without_a_price_is_told_what_it_may_have_meant() -> None:
    (problem,) = [problem for problem in read_text(BLOCKS[0]).problems if problem.code == "W230"]
    assert problem.path == "providers.secondary.model"
    assert "unverified" in problem.message
    assert "claude-3-haiku" in problem.remedy


def test_errors_of_shape_do_not_hide_cross_checks_nor_make_false_ones() -> None:
    text = (
        BASE
        + "  far: {name: openai}\n"
        + "models: {chat: {targets: [far, hree]}}\nrouting_logic: [{condition: far.in_flight > 2, action: avoid_far}]\n"
    )
    assert [(problem.code, problem.path) for problem in read_text(text).errors] == [
        ("E102", "providers.far.model"),
        ("E201", "models.chat.targets.hree"),
    ]
