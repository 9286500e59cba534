"""The section `notify`: what a channel may look like, and its cross-checks. The docstring of a test is a plan."""

import pytest
from tests.plan.test_check_levers import finds

from roteiro.plan.notify import Channel
from roteiro.plan.read import read_text

FOUR = """
roteiro: 1
notify:
  ops: {webhook: {url: "https://hooks.example.com/x?team=1", headers_env: {Authorization: OPS_TOKEN}, secret_env: OPS_SECRET}}
  pager: {pagerduty: {key_env: PAGER_KEY}, lang: pt-BR}
  chat: {slack: {url_env: SLACK_URL}}
  mail: {smtp: {host: smtp.example.com, user_env: MAIL_USER, password_env: MAIL_PASSWORD, from: roteiro@example.com, to: ops@example.com}}
sla_tiers:
  gold: {availability: 99.9%, alerts: {page: [ops, pager], ticket: mail}, steps: [{spent: 50%, do: notify, to: chat}]}
"""


def test_the_four_kinds_of_a_channel() -> None:
    reading = read_text(FOUR)
    assert reading.plan is not None and {problem.code for problem in reading.problems} == {"W202"}, reading.problems
    channels = reading.plan.notify
    assert [channel.kind for channel in channels.values()] == ["webhook", "pagerduty", "slack", "smtp"]
    assert channels["pager"].lang == "pt-BR" and channels["mail"].smtp is not None
    assert (channels["mail"].smtp.port_meant, channels["mail"].smtp.to) == (587, ("ops@example.com",))
    again = Channel.model_validate(channels["mail"].model_dump(mode="json", by_alias=True))
    assert again == channels["mail"]


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("{}", "has no way to send"),
        ("{slack: {url_env: A}, pagerduty: {key_env: B}}", "has pagerduty and slack"),
        ("{webhook: {}}", "has no address"),
        ("{webhook: {url: https://a.example, url_env: A}}", "has both"),
        ("{webhook: {url: 'ftp://a.example'}}", "not an http or https address"),
        ("{webhook: {url: 'https://me:secret@a.example'}}", "carries a user or password"),
        ("{webhook: {url: https://a.example, headers_env: {Host: A}}}", "is set by the message itself"),
        ("{slack: {url_env: 'https://hooks.slack.example/T0/B0/x'}}", "is not the name of an environment variable"),
        ("{smtp: {host: m.example, from: nobody, to: [a@b.example]}}", "not a mail address"),
        ("{smtp: {host: m.example, from: a@b.example, to: []}}", "is empty"),
        ("{smtp: {host: m.example, from: a@b.example, to: a@b.example, user_env: U}}", "has no password_env"),
    ],
)
def test_what_is_no_channel_is_told(channel: str, words: str) -> None:
    reading = read_text(f"roteiro: 1\nnotify:\n  ops: {channel}\n")
    assert len(reading.errors) == 1, reading.problems
    assert words in reading.errors[0].message and reading.errors[0].remedy
    assert "hooks.slack.example" not in str(reading.errors[0]), "what may be a secret is not shown"


@finds("E340", "sla_tiers.gold.alerts.page[0]", "unknown channel 'opps'")
def test_an_alert_names_what_is_not_there() -> None:
    """
    notify: {ops: {slack: {url_env: A}}}
    sla_tiers: {gold: {availability: 99.9%, alerts: {page: [opps], ticket: [ops]}}}
    """


@finds("E340", "slos.fast.steps[0].to[0]", "unknown channel 'mail'")
def test_a_step_names_what_is_not_there() -> None:
    """
    slos: {fast: {sli: availability, objective: 99%, steps: [{spent: 50%, do: notify, to: [mail]}]}}
    """


@finds("W340", "notify.ops", "named by no alert")
def test_a_channel_that_nobody_uses() -> None:
    """
    notify: {ops: {slack: {url_env: A}}}
    """


@finds("W341", "notify.ops.webhook.url", "is http to hooks.example.com")
def test_a_webhook_in_the_clear() -> None:
    """
    notify: {ops: {webhook: {url: "http://hooks.example.com"}}}
    slos: {fast: {sli: availability, objective: 99%, alerts: {page: ops}}}
    """


@finds("W341", "notify.mail.smtp.security", "is none, to smtp.example.com")
def test_mail_in_the_clear() -> None:
    """
    notify: {mail: {smtp: {host: smtp.example.com, security: none, from: a@b.example, to: a@b.example}}}
    slos: {fast: {sli: availability, objective: 99%, alerts: {ticket: mail}}}
    """


@finds("W342", "slos.fast.alerts", "names no channel")
def test_alerts_that_tell_nobody() -> None:
    """
    notify: {ops: {slack: {url_env: A}}}
    slos:
      fast: {sli: availability, objective: 99%, alerts: {burn: auto}}
      slow: {sli: availability, objective: 99%, alerts: {page: ops}}
    """


@finds("W342", "slos.fast.steps[0]", "notifies, and names no channel")
def test_a_step_that_notifies_nobody() -> None:
    """
    notify: {ops: {slack: {url_env: A}}}
    slos:
      fast: {sli: availability, objective: 99%, steps: [{spent: 50%, do: notify}]}
      slow: {sli: availability, objective: 99%, alerts: {page: ops}}
    """
