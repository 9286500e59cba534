"""Cross-checks of levers: the docstring of each test is a plan, and the one problem of its code is where the decorator says."""

import inspect
from collections.abc import Callable
from functools import wraps

from roteiro.plan import check_levers
from roteiro.plan.look import CHECKS
from roteiro.plan.read import read_text

SHOWN: set[str] = set()


def finds(code: str, path: str, words: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """The plan in the docstring has a problem of the code there, in these words, and no error of another code."""
    SHOWN.add(code)

    def decorate(test: Callable[[], None]) -> Callable[[], None]:
        @wraps(test)
        def look() -> None:
            reading = read_text("roteiro: 1\n" + inspect.cleandoc(test.__doc__ or ""))
            told = [str(problem) for problem in reading.problems]
            found = [problem for problem in reading.problems if (problem.code, problem.path) == (code, path)]
            assert len(found) == 1, told
            assert words in found[0].message, told
            assert found[0].remedy, told
            assert {problem.code for problem in reading.errors} <= {code}, told

        return look

    return decorate


@finds("E251", "models.chat.larger_context", "wide takes 2048 tokens at most; this model takes 4096")
def test_a_larger_context_that_is_smaller() -> None:
    """
    providers:
      a: {name: local, model: m, local: {gguf: smollm2, context: 4096}}
      b: {name: local, model: n, local: {gguf: smollm2, context: 2048}}
    models:
      chat: {targets: [a], larger_context: wide}
      wide: {targets: [b]}
    """


@finds("E252", "models.chat.larger_context", "chat → wide → chat")
def test_larger_contexts_in_a_circle() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
    models:
      chat: {targets: [a], larger_context: wide}
      wide: {targets: [a], larger_context: chat}
    """


@finds("E252", "models.chat.larger_context", "chat → chat")
def test_a_model_that_is_its_own_larger_context() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
    models:
      chat: {targets: [a], larger_context: chat}
    """


@finds("E253", "models.small.complexity", "small → chat → small")
def test_complexity_in_a_circle() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], complexity: {simple: small}}
      small: {targets: [a], complexity: {complex: chat}}
    """


@finds("W254", "models.chat.complexity", "names no other model")
def test_complexity_of_one() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], complexity: {simple: chat, complex: chat}}
    """


@finds("E255", "models.chat.hedge", "there is one provider only")
def test_a_hedge_with_one_candidate() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], hedge: {after: p95, at_most: 5%}}
    """


@finds("E255", "models.chat.hedge.at_most", "is 0%")
def test_a_hedge_of_no_request() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
      b: {name: local, model: n, local: smollm2}
    models:
      chat: {targets: [a, b], hedge: {at_most: 0%}}
    """


@finds("E255", "models.chat.hedge", "retry.attempts is 1")
def test_a_hedge_where_one_attempt_is_all() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
      b: {name: local, model: n, local: smollm2}
    models:
      chat: {targets: [a, b], hedge: {after: 1s}, retry: {attempts: 1}}
    """


@finds("W256", "models.chat.hedge.after", "is 2min; the deadline is 30s")
def test_a_hedge_after_the_deadline() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
      b: {name: local, model: n, local: smollm2}
    models:
      chat: {targets: [a, b], hedge: {after: 2min}, timeouts: {total: 30s}}
    """


@finds("W256", "models.chat.hedge.after", "is 20s; timeouts.first_token of its targets is 10s")
def test_a_hedge_after_the_first_token_is_overdue() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2, timeouts: {first_token: 10s}}
      b: {name: local, model: n, local: smollm2, timeouts: {first_token: 10s}}
    models:
      chat: {targets: [a, b], hedge: {after: 20s}}
    """


@finds("W257", "models.chat.rescue", "is true, and no target goes on")
def test_a_rescue_that_no_target_takes_up() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2, assistant_prefix: false}
      b: {name: local, model: n, local: smollm2, assistant_prefix: false}
    models:
      chat: {targets: [a, b], rescue: true}
    """


@finds("W257", "models.chat.rescue", "is true, and only a goes on")
def test_a_rescue_with_one_provider() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], rescue: true}
    """


@finds("E258", "models.vectors.cache.semantic", "this one embeds")
def test_a_semantic_cache_of_embeddings() -> None:
    """
    providers:
      a: {name: openai, model: text-embedding-3-small, kind: embedding}
    models:
      vectors: {targets: [a], cache: {semantic: true}}
    """


@finds("E258", "models.chat.batching", "this one answers")
def test_batching_of_answers() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], batching: {wait: 5ms}}
    """


@finds("E258", "models.chat.cache.embeddings", "this one answers")
def test_an_embedding_cache_of_answers() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], cache: {embeddings: {ttl: 1h}}}
    """


@finds("E259", "models.both.targets", "mixes a, which answers, with e, which embeds")
def test_one_model_that_answers_and_embeds() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
      e: {name: openai, model: text-embedding-3-small, kind: embedding}
    models:
      both: {targets: [a, e]}
    """


@finds("E259", "models.chat.complexity.simple", "leads to vectors, a model of another kind")
def test_a_tier_that_embeds() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
      e: {name: openai, model: text-embedding-3-small, kind: embedding}
    models:
      chat: {targets: [a], complexity: {simple: vectors}}
      vectors: {targets: [e]}
    """


@finds("E260", "models.chat.cache.exact.ttl", "is 0s, which keeps nothing")
def test_a_cache_that_forgets_at_once() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], cache: {exact: {ttl: 0s}}}
    """


@finds("W261", "models.chat.cache.expected_hits", "is 20%, and no cache is on")
def test_hits_of_no_cache() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], cache: {expected_hits: 20%}}
    """


@finds("E262", "providers.a.key_env", "has 9 keys; at most 8")
def test_more_keys_than_the_kernel_rests() -> None:
    """
    providers:
      a: {name: openai, model: gpt-4o-mini, key_env: [K1, K2, K3, K4, K5, K6, K7, K8, K9]}
    """


@finds("E263", "providers.a.key_env[1]", "names K1 a second time")
def test_the_same_key_twice() -> None:
    """
    providers:
      a: {name: openai, model: gpt-4o-mini, key_env: [K1, K1]}
    """


@finds("E264", "providers.a.price.off_peak.to", "is the same as from")
def test_off_peak_hours_of_no_length() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2, price: {input: $1/M, output: $2/M, off_peak: {from: "16:30", to: "16:30", discount: 50%}}}
    """


@finds("W265", "models.chat.on_disconnect", "is 2min; an attempt is cut at 1min")
def test_a_drain_longer_than_the_attempt() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a], on_disconnect: 2min}
    """


@finds("W265", "request.on_disconnect", "is 2min; an attempt is cut at 1min")
def test_a_drain_of_all_models_longer_than_the_attempt() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    request: {on_disconnect: 2min}
    """


@finds("E266", "workloads.nightly.dead_letter", "dead_letters.keep is 0s")
def test_dead_letters_that_nobody_keeps() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    workloads:
      nightly: {dead_letter: true}
    dead_letters: {keep: 0s}
    """


@finds("W267", "providers.a", "speaks gemini to models.example without key_env")
def test_a_dialect_without_its_key() -> None:
    """
    providers:
      a: {name: acme, model: gemini-2.5-flash, dialect: gemini, base_url: "https://models.example/v1beta"}
    """


@finds("W268", "request.idempotency.keep", "is 1min; the longest deadline of a model is 2min")
def test_answers_forgotten_before_the_deadline() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    models:
      chat: {targets: [a]}
    request: {idempotency: {keep: 1min}}
    """


@finds("W269", "scaling_policies.cost_based.max_budget", "is $0.0001 an hour; one request of 0 and 256 tokens costs up to $0.01536")
def test_a_bound_below_one_request() -> None:
    """
    providers:
      a: {name: openai, model: gpt-4}
    scaling_policies:
      cost_based: {max_budget: $0.0001, fallback_model: gpt-4}
    """


@finds("W270", "scaling_policies.cost_based", "names no fallback_model")
def test_a_bound_without_a_cheaper_model() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    scaling_policies:
      cost_based: {max_budget: $5}
    """


@finds("E271", "workloads.nightly.batch.run", "no provider of the plan has price.off_peak")
def test_batches_that_wait_for_ever() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    workloads:
      nightly: {batch: {run: off_peak}}
    """


@finds("E115", "workloads.nightly.batch.run", "neither always, off_peak nor hours of the day")
def test_hours_of_batches_that_cannot_be_read() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2}
    workloads:
      nightly: {batch: {run: 22h-06h}}
    """


def test_every_check_of_levers_is_shown() -> None:
    assert {code for code, check in CHECKS if check.__module__ == check_levers.__name__} <= SHOWN
