"""The demonstration's closing report: service levels, cost, traffic, the replay, and the prediction beside what was measured.

What must not live here: finding any of it out.
"""

from pathlib import Path

from roteiro.cli.replay_page import replay_section
from roteiro.cli.simulate_page import compared_rows
from roteiro.report.comparison import comparison_section
from roteiro.report.cost import cost_table, purse_table
from roteiro.report.document import Document, Note, Section, Tone
from roteiro.report.sla import sla_sections
from roteiro.report.speech import Speech
from roteiro.report.traffic import traffic_sections
from roteiro.tasks.demo_result import DemoResult

__all__ = ["demo_page"]


def demo_page(result: DemoResult, speech: Speech, data: Path | None) -> Document:
    """All of it on one page."""
    say = speech.say
    if result.local is not None:
        told = {
            "provider": result.local,
            "requests": speech.number(result.local_requests),
            "tokens": speech.number(result.local_output_tokens),
        }
        local = Note(say("demo.local", **told), Tone.GOOD)
    else:
        local = Note(say("demo.no_local", why=result.why_not), Tone.WARN)
    verdicts, promises, *_, times, _ = sla_sections(result.sla.sla, speech)
    outcomes, providers, breakers, reasons = traffic_sections(result.traffic.traffic, speech)
    cost = result.cost.cost
    sections = [
        Section(say("sla.title"), (*verdicts.parts, *promises.parts)),
        times,
        outcomes,
        Section(providers.title, (*providers.parts, local)),
        breakers,
        Section(say("cost.by_tenant"), (cost_table(cost.by_tenant, cost.total, say("tenant"), speech),)),
        Section(say("cost.by_provider"), (cost_table(cost.by_provider, cost.total, say("provider"), speech),)),
        Section(say("cost.budgets"), (purse_table(result.cost.budgets, speech),)),
        reasons,
        replay_section(result.replay, speech),
        comparison_section(compared_rows(result.prediction, speech, result), len(result.prediction.seeds), speech),
    ]
    if data is not None:
        sections.append(Section("", (Note(say("demo.kept", data=data, run=result.run), Tone.QUIET),)))
    period = result.sla.period
    about = f"{speech.number(period.requests)} {say('requests')} · {say('run')} {result.run} · {say('story.plan')} {result.digest[:12]}"
    return Document(say("demo.title"), tuple(sections), about)
