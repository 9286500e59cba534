"""Report on the quality of answers, read from a ledger's signals.

What must not live here: judging (`analysis.quality`), and showing (`report`).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from roteiro.analysis.quality import LOOKED, MEANS, QualityReport, quality_report
from roteiro.tasks.report import Period, Question
from roteiro.terms.codes import Signal
from roteiro.terms.own import OWN_TENANTS

__all__ = ["QualityAnswer", "report_quality"]

_BY = "tenant, workload, model, target"


@dataclass(frozen=True, slots=True)
class QualityAnswer:
    period: Period
    quality: QualityReport


def report_quality(data: str | Path, since: datetime | None = None, run: str | None = None) -> QualityAnswer:
    """Quality of the live traffic, or of one run in whatever world. Answers to questions of our own are not counted as given.

    Raises SettingsError and LedgerError.
    """
    question = Question(Path(data), since, run)
    condition, values = question.condition("signals")
    looked = ", ".join(f"'{kind.name.lower()}'" for kind in LOOKED)
    counted = ", ".join(f"'{kind.name.lower()}'" for kind in (*MEANS, Signal.LEAKS))
    signals = question.ledger.sql(
        f"""SELECT {_BY}, kind, count(*) AS count, sum(value) AS total, sum(value * value) AS squares,
                   count(*) FILTER (value > CASE WHEN kind IN ({counted}) THEN 0 ELSE 0.5 END) AS positive
            FROM signals WHERE {condition} AND kind IS NOT NULL GROUP BY {_BY}, kind""",  # noqa: S608 (names and words of ours)
        values,
    )
    seen = question.ledger.sql(
        f"""SELECT {_BY}, count(*) AS count
            FROM (SELECT DISTINCT {_BY}, run, request FROM signals WHERE {condition} AND request >= 0 AND kind IN ({looked}))
            GROUP BY {_BY}""",  # noqa: S608
        values,
    )
    condition, values = question.condition("events")
    own = ", ".join(f"'{tenant}'" for tenant in sorted(OWN_TENANTS))
    answers = question.ledger.sql(
        f"""SELECT {_BY}, count(*) AS count FROM events
            WHERE {condition} AND outcome = 'success' AND operation <> 'embeddings' AND coalesce(tenant, '') NOT IN ({own})
            GROUP BY {_BY}""",  # noqa: S608
        values,
    )
    return QualityAnswer(question.period(), quality_report(signals.to_pylist(), seen.to_pylist(), answers.to_pylist()))
