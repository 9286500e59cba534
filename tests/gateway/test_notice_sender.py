"""One message to one receiver on loopback: what is sent, and what comes of each answer."""

import hashlib
import hmac
from typing import Any

import pytest
from tests.gateway.sinks import http_sink, mail_sink
from tests.gateway.test_notice_forms import AT, FIRED, OVER

from roteiro.gateway.notice_sender import Sent, missing, send
from roteiro.plan.notify import Channel


def channel(**kind: Any) -> Channel:
    return Channel.model_validate(kind)


def test_a_webhook_is_signed_and_names_the_repeat() -> None:
    environ = {"OPS_TOKEN": "Bearer abc", "OPS_SECRET": "s3cret"}
    with http_sink() as sink:
        hook = channel(
            webhook={"url": f"{sink.url}/hook?team=1", "headers_env": {"Authorization": "OPS_TOKEN"}, "secret_env": "OPS_SECRET"}
        )
        assert send(hook, "ref-1", [FIRED], environ, AT) == Sent("sent", "202 ok")
        (post,) = sink.posts
    assert (post.path, post.headers["authorization"], post.headers["idempotency-key"]) == ("/hook?team=1", "Bearer abc", "ref-1")
    signed = post.headers["x-roteiro-timestamp"].encode() + b"." + post.body
    assert post.headers["x-roteiro-signature"] == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert post.json["notices"][0]["key"] == FIRED.key


def test_pagerduty_and_slack() -> None:
    with http_sink() as sink:
        environ = {"PAGER": "R" * 32, "SLACK": f"{sink.url}/services/T/B/x"}
        pager = channel(pagerduty={"key_env": "PAGER", "url": sink.url})
        assert send(pager, "r", [FIRED], environ, AT).outcome == "sent" and send(pager, "r", [OVER], environ, AT).outcome == "sent"
        assert send(channel(slack={"url_env": "SLACK"}, lang="pt-BR"), "r", [FIRED], environ, AT).outcome == "sent"
        assert [post.path for post in sink.posts] == ["/v2/enqueue", "/v2/enqueue", "/services/T/B/x"]
        assert [post.json["event_action"] for post in sink.posts[:2]] == ["trigger", "resolve"]
        assert "orçamento de erro" in sink.posts[2].json["text"]


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "after_s"),
    [
        (200, {}, "sent", None), (400, {}, "refused", None), (404, {}, "again", None), (401, {}, "again", None),
        (429, {"Retry-After": "7"}, "again", 7.0), (500, {}, "again", None), (302, {"Location": "http://127.0.0.1:1/"}, "again", None),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, headers: dict[str, str], outcome: str, after_s: float | None) -> None:
    with http_sink() as sink:
        sink.answers.append((status, headers, b"because  of\nthis"))
        sent = send(channel(webhook={"url": sink.url}), "r", [FIRED], {}, AT)
    assert (sent.outcome, sent.after_s) == (outcome, after_s)
    assert sent.said == f"{status} because of this"


def test_who_is_not_there_is_tried_again_and_the_address_is_not_told() -> None:
    environ = {"SLACK": "http://127.0.0.1:9/services/T0/SECRET"}
    sent = send(channel(slack={"url_env": "SLACK"}), "r", [FIRED], environ, AT)
    assert sent.outcome == "again" and "SECRET" not in sent.said and sent.said
    sent = send(channel(slack={"url_env": "SLACK"}), "r", [FIRED], {"SLACK": "SECRET"}, AT)
    assert sent.outcome == "again" and "SECRET" not in sent.said


def test_a_variable_that_is_not_set_is_named() -> None:
    hook = channel(webhook={"url_env": "A", "headers_env": {"X": "B"}, "secret_env": "C"})
    assert missing(hook, {"A": "x", "B": " "}) == ["C", "B"]
    assert send(hook, "r", [FIRED], {"A": "x"}, AT) == Sent("again", "the environment variable C and B is not set")


def test_mail_by_a_server_with_a_password() -> None:
    with mail_sink() as sink:
        to = {"host": "127.0.0.1", "port": sink.port, "security": "none", "from": "r@example.com", "to": ["a@example.com", "b@example.com"]}
        mails = channel(smtp={**to, "user_env": "U", "password_env": "P"})
        assert send(mails, "r", [FIRED], {"U": "me", "P": "pw"}, AT) == Sent("sent", "250")
        ((sender, to_whom, body),) = sink.mails
        assert (sender, to_whom, sink.logins) == ("r@example.com", ["a@example.com", "b@example.com"], 1)
        assert b"Subject: [PAGE] gold.availability" in body and b"Message-ID: <r@example.com>" in body


@pytest.mark.parametrize(
    ("word", "reply", "outcome"),
    [("DATA", "554 spam", "refused"), ("MAIL", "451 later", "again"), ("RCPT", "550 nobody", "refused"), ("AUTH", "535 who", "again")],
)
def test_what_a_mail_servers_reply_means(word: str, reply: str, outcome: str) -> None:
    with mail_sink() as sink:
        sink.replies[word] = reply
        to = {"host": "127.0.0.1", "port": sink.port, "security": "none", "from": "r@example.com", "to": "a@example.com"}
        sent = send(channel(smtp={**to, "user_env": "U", "password_env": "P"}), "r", [FIRED], {"U": "me", "P": "pw"}, AT)
    assert (sent.outcome, sent.said) == (outcome, reply)


def test_mail_never_goes_in_the_clear_where_encryption_is_wanted() -> None:
    with mail_sink() as sink:
        sent = send(
            channel(smtp={"host": "127.0.0.1", "port": sink.port, "from": "r@example.com", "to": "a@example.com"}), "r", [FIRED], {}, AT
        )
        assert sent.outcome == "again" and "STARTTLS" in sent.said and sink.mails == []
