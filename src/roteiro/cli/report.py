"""The command that reports on what did happen.

What must not live here: analysis.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Lang, Language, ToPdf, directory, in_language, present
from roteiro.cli.progress import watched
from roteiro.terms.error import SettingsError

if TYPE_CHECKING:
    from roteiro.analysis.sli import Grouping
    from roteiro.report.document import Document
    from roteiro.report.speech import Speech
    from roteiro.tasks.money import BudgetAnswer, SavingsAnswer, UnitCostAnswer
    from roteiro.tasks.quality import QualityAnswer
    from roteiro.tasks.report import CostAnswer, Period, TrafficAnswer
    from roteiro.tasks.service_levels import SlaAnswer

__all__ = ["Subject", "report"]


class Subject(StrEnum):
    """What can be reported on."""

    SLA = "sla"
    CUSTOMER = "customer"
    COST = "cost"
    TRAFFIC = "traffic"
    UNIT_COSTS = "unit-costs"
    BUDGETS = "budgets"
    SAVINGS = "savings"
    QUALITY = "quality"


What = Annotated[
    Subject,
    typer.Argument(
        metavar="sla|customer|cost|traffic|unit-costs|budgets|savings|quality",
        help="Service levels; what a customer is told of them (--tier); money and what is left of budgets; where requests went and why; "
        "what a token, a user and a transaction cost; when budgets will be spent; what could be saved; or how good answers were.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only what arrived since: 24h, 7d, 2026-01-31T12:00 (UTC).", show_default=False),
]
Run = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="Only this run, live or simulated; without it, all live ones.", show_default=False),
]
Ahead = Annotated[
    bool,
    typer.Option(
        "--forecast/--past",
        help="Budgets with two weeks of record by a forecast, which takes some seconds for each payer; without it, by their past's shape.",
    ),
]
Month = Annotated[
    str | None, typer.Option("--month", metavar="MONTH", help="Service levels of a calendar month: 2026-10.", show_default=False)
]
Tier = Annotated[
    str | None, typer.Option("--tier", metavar="TIER", help="Of a customer's report: whose promises it is about.", show_default=False)
]
Tenant = Annotated[
    str | None, typer.Option("--tenant", metavar="NAME", help="Of a customer's report: one tenant of the tier.", show_default=False)
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--zone", metavar="ZONE", help="Whose clocks a month follows: America/Sao_Paulo; without it the plan's.", show_default=False
    ),
]


class Group(StrEnum):
    """What service levels can be told apart by."""

    TENANT = "tenant"
    WORKLOAD = "workload"
    MODEL = "model"
    PROVIDER = "provider"
    REGION = "region"


COLUMNS: Final[dict[Group, "Grouping"]] = {
    Group.TENANT: "tenant", Group.WORKLOAD: "workload", Group.MODEL: "model", Group.PROVIDER: "target", Group.REGION: "region",
}  # fmt: skip

By = Annotated[Group | None, typer.Option("--by", help="Service levels also by tenant, workload and so on.", show_default=False)]
Prefixes = Annotated[
    Path | None,
    typer.Option(
        "--prefixes", metavar="TRACE", help="Savings: a trace of the same traffic that names its prompts' prefixes.", show_default=False
    ),
]


def report(
    what: What,
    data: Data = None,
    since: Since = None,
    run: Run = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
    ahead: Ahead = False,
    prefixes: Prefixes = None,
    month: Month = None,
    zone: Zone = None,
    by: By = None,
    tier: Tier = None,
    tenant: Tenant = None,
) -> None:
    """Report on what did happen, read from the ledger."""
    from roteiro.report.customer import customer_page
    from roteiro.report.plain import dumps
    from roteiro.tasks import money
    from roteiro.tasks import report as tasks
    from roteiro.tasks.customer import report_customer
    from roteiro.tasks.quality import report_quality
    from roteiro.tasks.service_levels import report_sla

    refuse_strangers(what, zone=zone, by=by, month=month, tier=tier, tenant=tenant, since=since)
    scope = (directory(data), tasks.parse_since(since) if since else None, run)
    speech = in_language(lang)
    answer: object
    match what:
        case Subject.SLA:
            by_column = None if by is None else COLUMNS[by]
            answer = levels = report_sla(*scope, month=month, zone=zone, by=by_column)
            page = of_sla(levels, speech)
        case Subject.CUSTOMER:
            answer = told = report_customer(scope[0], tier or "", month, tenant, run)
            page = customer_page(told, speech)
        case Subject.COST:
            answer = costs = tasks.report_cost(*scope)
            page = of_cost(costs, speech)
        case Subject.TRAFFIC:
            answer = moves = tasks.report_traffic(*scope)
            page = of_traffic(moves, speech)
        case Subject.UNIT_COSTS:
            answer = units = money.report_unit_costs(*scope)
            page = of_unit_costs(units, speech)
        case Subject.BUDGETS:
            with watched(speech, "forecast.running") as watch:
                answer = purses = money.report_budgets(scope[0], run, ahead=ahead, on_progress=watch)
            page = of_budgets(purses, speech)
        case Subject.SAVINGS:
            answer = saved = money.report_savings(*scope, prefixes)
            page = of_savings(saved, speech)
        case Subject.QUALITY:
            answer = good = report_quality(*scope)
            page = of_quality(good, speech)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(page, lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)


OPTIONS: Final = {
    "zone": (Subject.SLA,), "by": (Subject.SLA,), "month": (Subject.SLA, Subject.CUSTOMER), "tier": (Subject.CUSTOMER,),
    "tenant": (Subject.CUSTOMER,),
}  # fmt: skip
"""Whose an option is."""


def refuse_strangers(what: Subject, **given: object) -> None:
    """Options of another report, and those that are missing. Raises SettingsError."""
    for name, subjects in OPTIONS.items():
        if given[name] is not None and what not in subjects:
            raise SettingsError(f"--{name} is of the report on {' and '.join(subjects)}; this is {what}")
    if given["since"] and what in (Subject.BUDGETS, Subject.CUSTOMER):
        raise SettingsError(f"{what} has its own periods; leave out --since")
    if what is Subject.CUSTOMER and given["tier"] is None:
        raise SettingsError("a customer's report is about a tier; name one with --tier")


def of_sla(answer: "SlaAnswer", speech: "Speech") -> "Document":
    """With a word on whose targets they are, where that is not plain."""
    from roteiro.report.sla import sla_page

    remarks = []
    if answer.period.requests and not answer.targets_known:
        remarks.append(speech.say("sla.targets_unknown"))
    if answer.targets_known and len(answer.period.digests) > 1:
        remarks.append(speech.say("sla.targets_of", digest=(answer.period.digest or "")[:12]))
    return sla_page(answer.sla, speech, about(answer.period, speech), tuple(remarks))


def of_cost(answer: "CostAnswer", speech: "Speech") -> "Document":
    from roteiro.report.cost import cost_page

    unknown = answer.period.requests and not answer.budgets_known
    remarks = (speech.say("cost.budgets_unknown"),) if unknown else ()
    return cost_page(answer.cost, answer.budgets, speech, about(answer.period, speech), remarks, answer.currencies)


def of_traffic(answer: "TrafficAnswer", speech: "Speech") -> "Document":
    from roteiro.report.traffic import traffic_page

    return traffic_page(answer.traffic, speech, about(answer.period, speech))


def of_unit_costs(answer: "UnitCostAnswer", speech: "Speech") -> "Document":
    from roteiro.report.unit_cost import unit_cost_page

    remarks = () if answer.plan_known or not answer.period.requests else (speech.say("money.plan_unknown"),)
    return unit_cost_page(answer.unit_costs, speech, about(answer.period, speech), answer.currencies, remarks)


def of_budgets(answer: "BudgetAnswer", speech: "Speech") -> "Document":
    from roteiro.report.budgets import budgets_page

    unknown = answer.period.requests and not answer.budgets_known
    remarks = (speech.say("cost.budgets_unknown"),) if unknown else ()
    if answer.no_forecast is not None:
        remarks = (*remarks, speech.say("budgets.no_forecast", why=answer.no_forecast))
    return budgets_page(answer.budgets, speech, about(answer.period, speech), answer.currencies, remarks)


def of_savings(answer: "SavingsAnswer", speech: "Speech") -> "Document":
    from roteiro.report.savings import savings_page

    remarks = () if answer.prices_known or not answer.period.requests else (speech.say("money.plan_unknown"),)
    if (one := answer.prefixes) is not None:
        told = speech.say("savings.prefixes", source=one.source, requests=speech.number(one.requests), shared=speech.share(one.shared))
        remarks = (*remarks, told)
    return savings_page(answer.savings, answer.cost_nusd, speech, about(answer.period, speech), answer.currencies, remarks)


def of_quality(answer: "QualityAnswer", speech: "Speech") -> "Document":
    from roteiro.report.quality import quality_page

    return quality_page(answer.quality, speech, about(answer.period, speech))


def about(period: "Period", speech: "Speech") -> str:
    """What the report speaks of, in a line."""
    parts = [period.data]
    if period.run:
        parts.append(f"{speech.say('run')} {period.run} ({period.world})" if period.world else f"{speech.say('run')} {period.run}")
    if period.first is None or period.last is None:
        return " · ".join([*parts, speech.say("no_data")])
    parts.append(f"{period.first:%Y-%m-%d %H:%M:%S} – {period.last:%Y-%m-%d %H:%M:%S} UTC")
    parts.append(f"{speech.number(period.requests)} {speech.say('requests')}")
    return " · ".join(parts)
