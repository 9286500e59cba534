"""Cross-checks of notices: channels that are named and not there, that nobody names, that send in the clear; alerts that tell nobody.

What must not live here: whether an alert can fire at all, and what one channel may look like (`notify`).
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from roteiro.plan.check_levers import LOOPBACK
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.near import did_you_mean
from roteiro.plan.objectives import Alerts, BurnStep
from roteiro.plan.resolve import Path


def told(look: Look) -> Iterator[tuple[Path, Alerts, tuple[BurnStep, ...]]]:
    """Everyone who can have alerts and steps of burn, with its place."""
    for section in ("sla_tiers", "slos"):
        for name, part in getattr(look.plan, section).items():
            yield (section, name), part.alerts, part.steps


def named(look: Look) -> Iterator[tuple[Path, str]]:
    """Every channel that something names, with its place."""
    for place, alerts, steps in told(look):
        for severity in ("page", "ticket"):
            for index, name in enumerate(getattr(alerts, severity)):
                yield (*place, "alerts", severity, index), name
        for number, step in enumerate(steps):
            for index, name in enumerate(step.to):
                yield (*place, "steps", number, "to", index), name


@checks("E340", "a channel is not in the plan", "Nobody would be told.")
def unknown_channel(look: Look) -> Iterator[Found]:
    known = look.names("notify")
    for path, name in named(look):
        if name not in known:
            remedy = did_you_mean(name, sorted(known)) if known else f"add it: notify: {{{name}: {{webhook: {{url_env: …}}}}}}"
            yield Found(path, f"names the unknown channel {name!r}", remedy)


@checks("W340", "a channel that nobody uses", "No alert and no step of burn names it.")
def unused_channel(look: Look) -> Iterator[Found]:
    used = {name for _, name in named(look)}
    for name in look.plan.notify:
        if name not in used:
            message = "is named by no alert and by no step"
            yield Found(("notify", name), message, f"name it: sla_tiers.….alerts: {{page: [{name}]}}", at_key=True)


@checks("W341", "notices go over the network in the clear", "They name tenants and promises, and carry secrets in their headers.")
def in_the_clear(look: Look) -> Iterator[Found]:
    for name, channel in look.plan.notify.items():
        for kind in ("webhook", "pagerduty"):
            part = getattr(channel, kind)
            url = urlsplit(part.url or "") if part is not None else None
            if url is not None and url.scheme == "http" and url.hostname not in LOOPBACK:
                yield Found(("notify", name, kind, "url"), f"is http to {url.hostname}", "write https")
        mail = channel.smtp
        if mail is not None and mail.security == "none" and mail.host not in LOOPBACK:
            yield Found(("notify", name, "smtp", "security"), f"is none, to {mail.host}", "write starttls or tls")


@checks("W342", "an alert or a step tells nobody", "The plan has channels, and this goes by them.")
def tells_nobody(look: Look) -> Iterator[Found]:
    if not look.plan.notify:
        return
    for place, alerts, steps in told(look):
        if look.written(*place, "alerts") and alerts.burn != "none" and not alerts.page and not alerts.ticket:
            yield Found((*place, "alerts"), "names no channel", "write page: [CHANNEL], or burn: none")
        for number, step in enumerate(steps):
            if step.do == "notify" and not step.to and not alerts.ticket and not alerts.page:
                yield Found((*place, "steps", number), "notifies, and names no channel", "write to: [CHANNEL]")
