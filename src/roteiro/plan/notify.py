"""Channels: whom notices go to, and how they get there. Secrets are named by environment variables and never written.

What must not live here: who is told of what (`alerts` and `steps` of tiers and objectives), and sending.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from roteiro.plan.part import Part
from roteiro.plan.provider import environment_name, one_or_several, web_address
from roteiro.plan.quantity import Text, refuse

__all__ = ["KINDS", "Channel", "PagerDuty", "Slack", "Smtp", "Webhook"]

MAIL: Final = re.compile(r"[^\s@<>,;\"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
OURS: Final = frozenset(("content-type", "content-length", "host", "idempotency-key", "user-agent"))
"""Headers that a message sets itself; those that begin with `x-roteiro-` too."""
SMTP_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
KINDS: Final = ("webhook", "smtp", "pagerduty", "slack")


def address(value: str) -> str:
    web_address(value, "https://hooks.example.com/roteiro", "url_env")
    return value


def mailbox(value: str) -> str:
    if not MAIL.fullmatch(value):
        raise refuse(f"is {value[:80]!r}, not a mail address", "write name@example.com")
    return value


def host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,253}", value):
        raise refuse(f"is {value[:80]!r}, not a host", "write smtp.example.com, and the port under port")
    return value


def header(value: str) -> str:
    if not HEADER.fullmatch(value):
        raise refuse(f"{value[:80]!r} is no name of a header", "use letters, digits and '-'", "E107")
    if value.lower() in OURS or value.lower().startswith("x-roteiro-"):
        raise refuse(f"{value!r} is set by the message itself", "use another header", "E107")
    return value


EnvironmentName = Annotated[Text, AfterValidator(environment_name)]
Address = Annotated[Text, AfterValidator(address)]
Host = Annotated[Text, AfterValidator(host)]
Header = Annotated[Text, AfterValidator(header)]
Mailbox = Annotated[Text, AfterValidator(mailbox)]
Mailboxes = Annotated[
    tuple[Mailbox, ...],
    BeforeValidator(one_or_several),
    Field(min_length=1, max_length=50),
    PlainSerializer(list, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class Webhook(Part):
    """A POST of JSON to an address of one's own."""

    url: Address | None = Field(default=None, description="Where to; where the address is itself a secret, use `url_env`.")
    url_env: EnvironmentName | None = Field(default=None, description="Environment variable with the address.")
    headers_env: dict[Header, EnvironmentName] = Field(
        default_factory=dict, description="Header → environment variable with its value (`Authorization: OPS_TOKEN`)."
    )
    secret_env: EnvironmentName | None = Field(
        default=None, description="Environment variable with the secret that signs timestamp and body (HMAC-SHA256)."
    )

    @model_validator(mode="after")
    def one_address(self) -> "Webhook":
        if (self.url is None) == (self.url_env is None):
            said = "has both url and url_env" if self.url is not None else "has no address"
            raise refuse(said, "write url: https://…, or url_env: NAME_OF_A_VARIABLE", "E102")
        return self


class Smtp(Part):
    """Mail by a server of one's own."""

    host: Host = Field(description="The mail server.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(default=None, description="Its port; 587, with `tls` 465, with `none` 25.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls refuses to go on without encryption; tls from the first byte; none is for loopback."
    )
    user_env: EnvironmentName | None = Field(default=None, description="Environment variable with the user's name.")
    password_env: EnvironmentName | None = Field(default=None, description="Environment variable with the password.")
    sender: Mailbox = Field(alias="from", description="Who it is from.")
    to: Mailboxes = Field(description="To whom: an address, or several.")

    @property
    def port_meant(self) -> int:
        return self.port or SMTP_PORTS[self.security]

    @model_validator(mode="after")
    def user_with_password(self) -> "Smtp":
        if (self.user_env is None) != (self.password_env is None):
            missing = "user_env" if self.user_env is None else "password_env"
            raise refuse(f"has no {missing} beside the other", "name both variables, or neither", "E102")
        return self


class PagerDuty(Part):
    """PagerDuty's Events API v2: an alert is triggered, and resolved under the same key."""

    key_env: EnvironmentName = Field(description="Environment variable with the integration's routing key.")
    url: Address = Field(default="https://events.pagerduty.com", description="The service, for those of the EU or a test.")


class Slack(Part):
    """A message to a Slack incoming webhook, whose address is a secret."""

    url_env: EnvironmentName = Field(description="Environment variable with the webhook's address.")


class Channel(Part):
    """One way to tell someone."""

    webhook: Webhook | None = Field(default=None, description="A POST of JSON.")
    smtp: Smtp | None = Field(default=None, description="Mail.")
    pagerduty: PagerDuty | None = Field(default=None, description="PagerDuty Events API v2.")
    slack: Slack | None = Field(default=None, description="A Slack incoming webhook.")
    lang: Literal["en", "pt-BR"] = Field(default="en", description="Language of what people read.")

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def one_kind(self) -> "Channel":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise refuse(f"has {' and '.join(given) or 'no way to send'}", f"write one of {', '.join(KINDS)}", "E102")
        return self
