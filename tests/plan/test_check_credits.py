"""Credits: brackets that could not be owed, or not as they read."""

from tests.plan.test_check_levers import finds

from roteiro.plan.read import read_text


@finds("E330", "sla_tiers.gold.credits", "which the tier does not promise")
def test_credits_without_a_promise() -> None:
    """
    providers: {here: {name: local, model: m, local: smollm2}}
    sla_tiers: {gold: {latency_p95: 1s, credits: [{below: 99%, credit: 10%}]}}
    """


@finds("W331", "sla_tiers.gold.credits[0].below", "is 99.9%; 99% is promised")
def test_a_credit_though_the_promise_is_kept() -> None:
    """
    providers: {here: {name: local, model: m, local: smollm2}}
    sla_tiers: {gold: {availability: 99%, credits: [{below: 99.9%, credit: 10%}]}}
    """


@finds("W332", "sla_tiers.gold.credits[1]", "owes 10% below 95%, where 25% is due by another")
def test_a_bracket_that_never_applies() -> None:
    """
    providers: {here: {name: local, model: m, local: smollm2}}
    sla_tiers: {gold: {availability: 99.9%, credits: [{below: 99%, credit: 25%}, {below: 95%, credit: 10%}]}}
    """


def test_brackets_as_contracts_have_them_are_sound() -> None:
    text = "roteiro: 1\nproviders: {here: {name: local, model: m, local: smollm2}}\nsla_tiers: {gold: {availability: 99.9%, credits: CREDITS}}\n"
    brackets = "[{below: 99.9%, credit: 10%}, {below: 99%, credit: 25%}, {below: 95%, credit: 100%}]"
    assert not [
        problem for problem in read_text(text.replace("CREDITS", brackets)).problems if problem.code.endswith(("330", "331", "332"))
    ]
