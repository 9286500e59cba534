"""Notices in words and in the forms of their receivers."""

import email.policy
import hashlib
import hmac
import json
from email import message_from_bytes

import msgspec
import pytest

from roteiro.gateway.notice import Adopted, BreakerTurn, Changed, Notice, Numbers, ProviderNow, VersionTurn
from roteiro.gateway.notice_forms import mail, pagerduty_event, signature, slack_message, webhook_body
from roteiro.gateway.notice_text import span, told
from roteiro.plan.notify import Smtp
from roteiro.report.speech import speech

AT = 1_790_000_000.0
CHANGED = Changed(
    digest="f" * 64,
    version=3,
    adopted=(Adopted(at_s=AT - 600, digest="f" * 64, before="a" * 64, version=3, by="administration"),),
    breakers=(BreakerTurn(at_s=AT - 60, target="primary", what="breaker_opened"),),
    versions=(VersionTurn(at_s=AT - 900, target="primary", kind="version", before="gpt-1", after="gpt-2"),),
    providers=(
        ProviderNow(name="primary", breaker="open", requests=240, failed_share=0.31, p95_ms=2400.0),
        ProviderNow(name="spare", breaker="closed", requests=0),
    ),
)
FIRED = Notice(
    key="gold.availability/alert/page/1", kind="alert", stage="firing", severity="page", objective="gold.availability", at_s=AT, since_s=AT - 3,
    promise="availability ≥ 99.9%, month", timezone="America/Sao_Paulo", changed=CHANGED,
    numbers=Numbers(spent=0.31, lately=0.062, bound=0.02, burn=44.6, long_s=3600.0, short_s=300.0, exhausted_at_s=AT + 40_000.0),
)  # fmt: skip
OVER = msgspec.structs.replace(FIRED, stage="resolved", at_s=AT + 1500.0)
STEP = msgspec.structs.replace(FIRED, key="s", kind="step", severity="ticket", do="freeze", threshold=0.9, numbers=Numbers(spent=0.93))


def test_a_page_says_what_burns_how_fast_and_what_changed() -> None:
    words = told([FIRED], speech("en"))
    assert words.title == "[PAGE] gold.availability: 6.2% of the error budget spent in 1 h"
    for said in (
        "Promise: availability ≥ 99.9%, month", "(the bound is 2%), 44.6 times as fast as it lasts", "31% spent, 69% left", "11 h 7 min from now",
        "plan ffffffffffff was adopted in place of aaaaaaaaaaaa (administration)", "primary answers as gpt-2 instead of gpt-1",
        "breaker of primary: too many failures", "primary: 31% of 240 requests failed, p95 2,400 ms, breaker open", "spare: no request",
        "roteiro slo status --objective gold.availability", "-03:00",
    ):  # fmt: skip
        assert said in words.text, words.text


def test_it_is_said_in_portuguese_too() -> None:
    words = told([FIRED], speech("pt-BR"))
    assert words.title == "[URGENTE] gold.availability: 6,2% do orçamento de erro gastos em 1 h"
    assert "o limite é 2%" in words.text and "O que mudou nas últimas 24 horas" in words.text
    assert told([STEP], speech("pt-BR")).title.endswith("90% do orçamento de erro gasto: planos alterados são recusados")


def test_what_is_over_says_how_long_it_was() -> None:
    words = told([OVER], speech("en"))
    assert words.title == "[RESOLVED] gold.availability: the error budget no longer burns too fast, after 25 min"
    assert "as fast as" not in words.text and "from now" not in words.text


def test_where_nothing_changed_that_is_said() -> None:
    words = told([msgspec.structs.replace(FIRED, changed=Changed(digest="f" * 64, version=1))], speech("en"))
    assert "no plan was adopted" in words.text


def test_several_go_as_one_message() -> None:
    other = msgspec.structs.replace(FIRED, objective="gold.latency_p95", key="other")
    words = told([FIRED, other], speech("en"))
    assert words.title.startswith("2 notices: [PAGE] gold.availability") and "[PAGE] gold.latency_p95" in words.text
    assert words.text.count("What changed") == 1


def test_a_webhook_gets_the_notices_whole_and_can_check_who_signed() -> None:
    body = webhook_body([FIRED, STEP], "ref-1", "en")
    said = json.loads(body)
    assert (said["version"], said["ref"], said["stage"], said["severity"]) == (1, "ref-1", "firing", "page")
    assert [msgspec.convert(one, Notice) for one in said["notices"]] == [FIRED, STEP]
    assert signature(b"s3cret", 1700000000, body) == "v1=" + hmac.new(b"s3cret", b"1700000000." + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("notice", "action"), [(FIRED, "trigger"), (OVER, "resolve")])
def test_pagerduty_triggers_and_resolves_under_one_key(notice: Notice, action: str) -> None:
    event = json.loads(pagerduty_event(notice, "R" * 32, "en"))
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == ("R" * 32, action, FIRED.key)
    if action == "trigger":
        payload = event["payload"]
        assert payload["severity"] == "critical" and len(payload["summary"]) <= 1024 and payload["source"] == "gold.availability"
        assert payload["timestamp"].startswith("2026-09-21T") and payload["custom_details"]["numbers"]["burn"] == 44.6
    assert len(event.get("dedup_key", "")) <= 255


def test_slack_gets_blocks_whose_text_is_escaped_and_short_enough() -> None:
    odd = msgspec.structs.replace(FIRED, objective="a<b>&c" + "x" * 300)
    message = json.loads(slack_message([odd], "en"))
    assert "<b>" not in json.dumps(message["attachments"][0]["blocks"][1:]) and "&lt;b&gt;&amp;c" in message["text"]
    blocks = message["attachments"][0]["blocks"]
    assert blocks[0]["type"] == "header" and len(blocks[0]["text"]["text"]) <= 150
    assert all(len(block["text"]["text"]) <= 3000 for block in blocks)


def test_a_mail_has_an_id_of_its_own_and_a_thread() -> None:
    to = Smtp.model_validate({"host": "m.example", "from": "roteiro@example.com", "to": ["a@example.com", "b@example.com"]})
    first, second = (
        message_from_bytes(bytes(mail([one], f"r{n}", to, "pt-BR", AT)), policy=email.policy.default) for n, one in enumerate((FIRED, OVER))
    )
    assert first["Message-ID"] == "<r0@example.com>" and first["References"] == second["References"]
    assert first["Auto-Submitted"] == "auto-generated" and first["X-Priority"] == "1" and second["X-Priority"] is None
    assert first["To"] == "a@example.com, b@example.com" and "orçamento de erro" in str(first["Subject"])
    assert "O que mudou" in first.get_content()


def test_spans_are_short() -> None:
    lengths = (0.0, 45.0, 720.0, 3600.0, 12_600.0, 86_400.0, 4 * 86_400.0 + 7201.0)
    assert [span(s) for s in lengths] == ["0 s", "45 s", "12 min", "1 h", "3 h 30 min", "1 d", "4 d 2 h"]
