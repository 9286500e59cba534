"""Notices in the forms that receivers want: JSON of our own, a PagerDuty event, a Slack message, a mail.

Each form carries what tells a repeat from a new notice, since delivery is at least once: the delivery's reference and each notice's key.
What must not live here: sending, and secrets but for the signature that is made with one.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

import msgspec

from roteiro.gateway.notice import Notice
from roteiro.gateway.notice_text import Told, command, told
from roteiro.plan.notify import Smtp
from roteiro.report.speech import speech

__all__ = ["mail", "pagerduty_event", "signature", "slack_message", "webhook_body"]

VERSION: Final = 1
"""Of the webhook's JSON. Keys may be added under one version; none is taken away or changes its meaning."""
SUMMARY: Final = 1024
"""Characters that PagerDuty keeps of a summary."""
HEADER: Final = 150
SECTION: Final = 3000
"""Characters of a Slack header block and of a section's text."""
PAGERDUTY_SEVERITY: Final = {"page": "critical", "ticket": "warning"}
COLOURS: Final = {"page": "#d92d20", "ticket": "#dc9a00", "resolved": "#2e9e44"}


def webhook_body(notices: Sequence[Notice], ref: str, lang: str) -> bytes:
    """`{"version": 1, "ref": …, "stage": …, "title": …, "text": …, "look": …, "notices": […]}`."""
    words = told(notices, speech(lang))
    first = notices[0]
    return msgspec.json.encode(
        {
            "version": VERSION, "source": "roteiro", "ref": ref, "stage": first.stage, "kind": first.kind, "severity": worst(notices),
            "title": words.title, "text": words.text, "look": command(notices), "notices": notices,
        }
    )  # fmt: skip


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """`v1=` and the hexadecimal HMAC-SHA256 (RFC 2104) of `timestamp.body`; the time makes a message that was overheard stale."""
    return "v1=" + hmac.new(secret, b"%d.%s" % (timestamp, body), hashlib.sha256).hexdigest()


def pagerduty_event(notice: Notice, key: str, lang: str) -> bytes:
    """An event of the Events API v2: `trigger` when it fires, `resolve` under the same `dedup_key` when it is over."""
    words = told([notice], speech(lang))
    event: dict[str, Any] = {
        "routing_key": key, "event_action": "resolve" if notice.stage == "resolved" else "trigger", "dedup_key": notice.key,
    }  # fmt: skip
    if notice.stage == "firing":
        event |= {
            "client": "Roteiro",
            "payload": {
                "summary": words.title[:SUMMARY],
                "source": notice.objective or "roteiro",
                "severity": "info" if notice.kind == "test" else PAGERDUTY_SEVERITY[notice.severity],
                "timestamp": datetime.fromtimestamp(notice.at_s, UTC).isoformat(timespec="milliseconds"),
                "component": notice.objective or "roteiro",
                "group": notice.objective.partition(".")[0],
                "class": notice.kind,
                "custom_details": {"text": words.text, "look": command([notice]), **msgspec.to_builtins(notice)},
            },
        }
    return msgspec.json.encode(event)


def slack_message(notices: Sequence[Notice], lang: str) -> bytes:
    """A message in blocks, with the title as its plain text for notifications."""
    words = told(notices, speech(lang))
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": cut(words.title, HEADER), "emoji": False}}]
    blocks += [{"type": "section", "text": {"type": "mrkdwn", "text": cut(in_slack(*part), SECTION)}} for part in words.parts]
    colour = COLOURS["resolved" if notices[0].stage == "resolved" else worst(notices)]
    return msgspec.json.encode({"text": escaped(words.title), "attachments": [{"color": colour, "blocks": blocks[:50]}]})


def in_slack(heading: str, lines: Sequence[str]) -> str:
    return "\n".join((*([f"*{escaped(heading)}*"] if heading else []), *(f"• {escaped(line)}" for line in lines)))


def escaped(text: str) -> str:
    """Slack's three control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def mail(notices: Sequence[Notice], ref: str, to: Smtp, lang: str, at_s: float) -> EmailMessage:
    """A mail in plain text. The message of what is over answers that of its beginning, so that clients show them together."""
    words: Told = told(notices, speech(lang))
    domain = to.sender.partition("@")[2]
    message = EmailMessage()
    message["Subject"] = words.title
    message["From"], message["To"] = to.sender, ", ".join(to.to)
    message["Date"] = format_datetime(datetime.fromtimestamp(at_s, UTC))
    message["Message-ID"] = f"<{ref}@{domain}>"
    message["References"] = " ".join(f"<{thread(one.key)}@{domain}>" for one in notices)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers it
    message["X-Roteiro-Notice"] = ref
    if notices[0].stage == "firing" and worst(notices) == "page":
        message["X-Priority"] = "1"
    message.set_content(f"{words.title}\n\n{words.text}\n")
    return message


def thread(key: str) -> str:
    """A key as part of a message's id."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def worst(notices: Sequence[Notice]) -> str:
    return "page" if any(one.severity == "page" for one in notices) else "ticket"
