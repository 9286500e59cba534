"""One message to one receiver, now: what came of it, and whether to try again. It blocks, and belongs on a thread of its own.

A receiver that cannot be reached, is busy or does not know us is tried again, since someone may mend it; one that refuses the message
itself is not. What is said of an outcome never holds a secret: addresses of channels may be secrets, and are not told.

What must not live here: when to try again (`notifying`), and what a message looks like (`notice_forms`).
"""

import http.client
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from roteiro.gateway.notice import Notice
from roteiro.gateway.notice_forms import mail, pagerduty_event, signature, slack_message, webhook_body
from roteiro.plan.notify import Channel, Smtp, Webhook
from roteiro.providers.address import proxy_for
from roteiro.terms.error import SettingsError
from roteiro.wire.failure import retry_after_ms

if TYPE_CHECKING:
    import smtplib
    import ssl
    from email.message import EmailMessage

__all__ = ["WITHIN_S", "Sent", "missing", "send"]

WITHIN_S: Final = 10.0
"""For a connection, and for each silence after it."""
SAID: Final = 200
"""Characters that are kept of an answer."""
THE_MESSAGE_ITSELF: Final = frozenset((400, 413, 415, 422))
"""HTTP statuses by which a receiver refuses a message rather than its sender."""
NOT_LOGGED_IN: Final = (530, 534, 535, 538)
"""SMTP replies that speak of the sender's rights."""
AGENT: Final = "roteiro"


class Sent(NamedTuple):
    """`after_s`: how long the receiver wants to be left alone, where it said so."""

    outcome: Literal["sent", "again", "refused"]
    said: str
    after_s: float | None = None


def missing(channel: Channel, environ: Mapping[str, str]) -> list[str]:
    """Environment variables that the channel names and that are not set."""
    parts = [part for part in (channel.webhook, channel.smtp, channel.pagerduty, channel.slack) if part is not None]
    fields = [(part, field) for part in parts for field in type(part).model_fields if field.endswith("_env") and field != "headers_env"]
    named = [getattr(part, field) for part, field in fields]
    if channel.webhook is not None:
        named += channel.webhook.headers_env.values()
    return [name for name in named if name is not None and not environ.get(name, "").strip()]


def send(channel: Channel, ref: str, notices: Sequence[Notice], environ: Mapping[str, str], now_s: float) -> Sent:
    """Deliver a message. `ref` tells a repeat; `now_s` in Unix seconds. Never raises for what the receiver or the network does."""
    unset = missing(channel, environ)
    if unset:
        return Sent("again", f"the environment variable {' and '.join(unset)} is not set")
    if channel.smtp is not None:
        return by_mail(channel.smtp, mail(notices, ref, channel.smtp, channel.lang, now_s), environ)
    if channel.pagerduty is not None:
        url = channel.pagerduty.url.rstrip("/") + "/v2/enqueue"
        outcomes = [
            post(url, pagerduty_event(one, environ[channel.pagerduty.key_env].strip(), channel.lang), {}, environ, now_s) for one in notices
        ]
        return next((one for one in outcomes if one.outcome != "sent"), outcomes[0])
    if channel.slack is not None:
        return post(environ[channel.slack.url_env].strip(), slack_message(notices, channel.lang), {}, environ, now_s)
    assert channel.webhook is not None
    body = webhook_body(notices, ref, channel.lang)
    url = channel.webhook.url or environ[channel.webhook.url_env or ""].strip()
    return post(url, body, headers_of(channel.webhook, ref, body, environ, now_s), environ, now_s)


def headers_of(webhook: Webhook, ref: str, body: bytes, environ: Mapping[str, str], now_s: float) -> dict[str, str]:
    headers = {name: environ[variable].strip() for name, variable in webhook.headers_env.items()}
    headers |= {"Idempotency-Key": ref, "X-Roteiro-Timestamp": str(int(now_s))}
    if webhook.secret_env is not None:
        headers["X-Roteiro-Signature"] = signature(environ[webhook.secret_env].strip().encode(), int(now_s), body)
    return headers


def post(url: str, body: bytes, headers: Mapping[str, str], environ: Mapping[str, str], now_s: float) -> Sent:
    """POST JSON. Redirects are not followed: they would take headers and body elsewhere."""
    import urllib.error
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    if urlsplit(url).scheme not in ("http", "https"):
        return Sent("again", "the address is not an http or https one")
    try:
        proxy = proxy_for(url, environ)
        opener = urllib.request.build_opener(
            NoRedirect(), urllib.request.ProxyHandler({} if proxy is None else {urlsplit(url).scheme: proxy})
        )
        request = urllib.request.Request(  # noqa: S310  # the scheme is looked at above
            url, body, {"Content-Type": "application/json", "User-Agent": AGENT, **headers}, method="POST"
        )
        try:
            with opener.open(request, timeout=WITHIN_S) as answer:
                return Sent("sent", told(answer.status, answer.read(SAID)))
        except urllib.error.HTTPError as error:
            with error:
                said = told(error.code, error.read(SAID))
                after_ms = retry_after_ms({name.lower().encode(): value.encode() for name, value in error.headers.items()}, now_s)
            after_s = None if after_ms is None else after_ms / 1e3
            return Sent("refused" if error.code in THE_MESSAGE_ITSELF else "again", said, after_s)
    except urllib.error.URLError as error:
        return Sent("again", reason(error.reason))
    # ValueError: an address or a header that cannot be sent.
    except (OSError, http.client.HTTPException, ValueError, SettingsError) as error:
        return Sent("again", reason(error))


def told(status: int, body: bytes) -> str:
    words = " ".join(body.decode("utf-8", "replace").split())
    return f"{status} {words}".strip()[:SAID]


def reason(error: object) -> str:
    """What went wrong, without the address."""
    if isinstance(error, TimeoutError):
        return f"no answer within {WITHIN_S:g} s"
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__)[:SAID]
    return f"it cannot be sent: {type(error).__name__}"


def by_mail(smtp: Smtp, message: "EmailMessage", environ: Mapping[str, str]) -> Sent:
    """Hand a mail to its server."""
    import smtplib

    try:
        with connected(smtp) as server:
            if smtp.user_env is not None and smtp.password_env is not None:
                server.login(environ[smtp.user_env].strip(), environ[smtp.password_env].strip())
            refused = server.send_message(message, smtp.sender, list(smtp.to))
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        return of_reply(code, words)
    except smtplib.SMTPResponseException as error:
        return of_reply(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        return Sent("again", f"the mail server cannot do that: {error}"[:SAID])
    except smtplib.SMTPException as error:
        return Sent("again", f"the mail server left: {error}"[:SAID])
    except OSError as error:
        return Sent("again", reason(error))
    if refused:
        return Sent("sent", f"250, but not for {', '.join(sorted(refused))}"[:SAID])
    return Sent("sent", "250")


def connected(smtp: Smtp) -> "smtplib.SMTP":
    """A connection with the encryption that is wanted; without it there is none."""
    import smtplib

    if smtp.security == "tls":
        return smtplib.SMTP_SSL(smtp.host, smtp.port_meant, timeout=WITHIN_S, context=verifying())
    server = smtplib.SMTP(smtp.host, smtp.port_meant, timeout=WITHIN_S)
    if smtp.security == "starttls":
        try:
            server.starttls(context=verifying())
        except BaseException:
            server.close()
            raise
    return server


def verifying() -> "ssl.SSLContext":
    import ssl

    return ssl.create_default_context()


def of_reply(code: int, words: bytes | str) -> Sent:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    permanent = 500 <= code < 600 and code not in NOT_LOGGED_IN
    return Sent("refused" if permanent else "again", told(code, text.encode()))
