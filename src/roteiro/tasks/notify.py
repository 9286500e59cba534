"""Send each channel of a plan a test notice, and say what came of it.

What must not live here: sending (`gateway.notice_sender`), and the outbox: whoever tests wants to know at once.
"""

import os
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from roteiro.gateway.notice import Notice
from roteiro.gateway.notice_sender import Sent, send
from roteiro.plan.near import did_you_mean
from roteiro.tasks.check import checked
from roteiro.terms.error import SettingsError

__all__ = ["Tested", "send_tests", "trial_notice"]


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of the test of one channel: `sent`, `again` (it would be tried again) or `refused`, and what the receiver said."""

    channel: str
    kind: str
    outcome: str
    said: str


def trial_notice(at_s: float) -> Notice:
    """A notice that says that nothing is wrong. It opens a ticket at most; `at_s` in Unix seconds."""
    key = f"roteiro/test/{secrets.token_hex(8)}"
    return Notice(key=key, kind="test", stage="firing", severity="ticket", objective="", at_s=at_s, since_s=at_s)


def send_tests(
    plan: Path, channel: str | None = None, environment: str | None = None, environ: Mapping[str, str] = os.environ
) -> list[Tested]:
    """Test one channel, or all. Raises PlanError for a plan with errors, SettingsError where there is no such channel."""
    notify = checked(plan, environment).plan.notify  # type: ignore[union-attr]  # a plan that is good is there
    if channel is not None and channel not in notify:
        remedy = did_you_mean(channel, sorted(notify)) if notify else "the plan has none"
        raise SettingsError(f"the plan has no channel {channel[:80]!r}; {remedy}")
    if not notify:
        raise SettingsError(f"{plan} has no channel; add one: notify: {{ops: {{webhook: {{url_env: OPS_URL}}}}}}")
    chosen = [channel] if channel is not None else list(notify)

    def one(name: str) -> Sent:
        now = time.time()
        return send(notify[name], secrets.token_hex(16), [trial_notice(now)], environ, now)

    with ThreadPoolExecutor(len(chosen)) as threads:
        return [
            Tested(name, notify[name].kind, sent.outcome, sent.said) for name, sent in zip(chosen, threads.map(one, chosen), strict=True)
        ]
