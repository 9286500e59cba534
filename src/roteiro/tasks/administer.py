"""Ask the administration port of a running server: its state, its keys, its dead letters, its plan.

What must not live here: what the server does with it (`gateway.admin`).
"""

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import msgspec

from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Problem, Severity, Where

__all__ = ["Administration"]

DEFAULT_PORT: Final = 8081
WITHIN_S: Final = 30.0
START_WITHIN_S: Final = 200.0
"""A change of keys waits for a server that starts, and a start may compile the kernel."""
ANSWER_WITHIN_S: Final = 960.0
"""A redriven request takes as long as it takes."""


@dataclass(frozen=True, slots=True)
class Administration:
    """One server's administration port. Every call raises SettingsError where it cannot be reached or refuses."""

    port: int
    token: str
    host: str = "127.0.0.1"

    @classmethod
    def of(cls, data: Path, port: int | None = None, token: str | None = None) -> Self:
        """By its data directory, whose token is taken where none is given."""
        if not token:
            try:
                token = (data / "admin.token").read_text(encoding="utf-8").strip()
            except OSError as error:
                said = error.strerror or error
                raise SettingsError(
                    f"{data / 'admin.token'} cannot be read: {said}; name the server's --data, or give --admin-token"
                ) from None
        return cls(port or DEFAULT_PORT, token)

    def state(self) -> dict[str, Any]:
        """The fleet's counters (`gateway.snapshot`)."""
        return self.call("GET", "/admin/state")

    def overview(self) -> dict[str, Any]:
        """The same with the last ten seconds and the last minute (`gateway.overview`)."""
        return self.call("GET", "/admin/overview")

    def create_key(self, tenant: str, name: str | None = None, workload: str | None = None, expires: str | None = None) -> dict[str, Any]:
        """Makes a key; `key` of the answer is shown this once. Waits while the server starts."""
        wanted = given(tenant=tenant, name=name, workload=workload, expires=expires)
        return self.call("POST", "/admin/keys", msgspec.json.encode(wanted), START_WITHIN_S)

    def rotate_key(self, name: str, overlap_s: float) -> dict[str, Any]:
        """Gives a key another secret, shown this once; the old one opens for `overlap_s` more."""
        return self.call("POST", f"/admin/keys/{quote(name, '')}/rotate", msgspec.json.encode({"overlap_s": overlap_s}), START_WITHIN_S)

    def keys(self) -> list[dict[str, Any]]:
        """Names of keys and whose they are."""
        return list(self.call("GET", "/admin/keys")["keys"])

    def revoke_key(self, name: str) -> dict[str, Any]:
        """Makes a key unknown, and waits until no worker knows it (`effective_ms`; `late_workers` are those that have not said so)."""
        return self.call("DELETE", f"/admin/keys/{quote(name, '')}", within_s=START_WITHIN_S)

    def dead_letters(self, tenant: str | None = None, older_than_s: float | None = None) -> dict[str, Any]:
        """`letters` without their content, the oldest first, and `counts`."""
        return self.call("GET", f"/admin/dlq?{urlencode(given(tenant=tenant, older_than_s=older_than_s))}")

    def dead_letter(self, id: str, *, content: bool = False, answer: bool = False) -> dict[str, Any]:
        """One letter; with its content, or with the answer of its redrive, which can be had once."""
        asked = given(content="true" if content else None, answer="true" if answer else None)
        return self.call("GET", f"/admin/dlq/{quote(id, '')}?{urlencode(asked)}")

    def redrive(self, id: str) -> dict[str, Any]:
        """Sends a letter again, unless it was answered before."""
        return self.call("POST", f"/admin/dlq/{quote(id, '')}/redrive", within_s=ANSWER_WITHIN_S)

    def purge(self, ids: Sequence[str] = (), tenant: str | None = None, older_than_s: float | None = None, all: bool = False) -> int:
        """Throws letters away → how many."""
        which: dict[str, Any] = given(tenant=tenant, older_than_s=older_than_s, all="true" if all else None, id=list(ids) or None)
        return int(self.call("DELETE", f"/admin/dlq?{urlencode(which, doseq=True)}")["purged"])

    def adopt(self, plan: Path, by: str | None = None, override: str | None = None) -> dict[str, Any]:
        """Has the server read the plan's file and adopt it. Raises PlanError with every problem where it refuses.

        `by`: who asks for it. `override`: why it is to be adopted although a step of burn has frozen plans.
        """
        asked = urlencode(given(by=by, override=override))
        return self.call("POST", f"/admin/plan?{asked}", msgspec.json.encode({"path": str(plan.resolve())}), START_WITHIN_S)

    def service_levels(self) -> dict[str, Any]:
        """`slo`: how each objective stands, and whether plans are frozen; `notices`: what became of those to each channel."""
        return self.call("GET", "/admin/slo")

    def call(self, method: str, path: str, body: bytes | None = None, within_s: float = WITHIN_S) -> dict[str, Any]:
        """The answer's JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=within_s)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            status, said = response.status, response.read()
            answer: dict[str, Any] = msgspec.json.decode(said) if said else {}
        except (OSError, http.client.HTTPException) as error:
            where = f"{self.host}:{self.port}"
            raise SettingsError(f"no server administers at {where} ({error}); is it running, and is this its --admin-port?") from error
        except msgspec.DecodeError as error:
            raise SettingsError(f"what answers at {self.host}:{self.port} is not Roteiro's administration ({status})") from error
        finally:
            connection.close()
        if status == 422 and "problems" in answer:
            raise PlanError([problem_of(fields) for fields in answer["problems"]])
        if status >= 400:
            error_said = answer.get("error", answer)
            message = error_said.get("message", error_said) if isinstance(error_said, dict) else error_said
            raise SettingsError(f"the server refuses ({status}): {message}")
        return answer


def given(**words: Any) -> dict[str, Any]:
    """Those that are."""
    return {word: value for word, value in words.items() if value is not None}


def problem_of(fields: dict[str, Any]) -> Problem:
    where = Where(str(fields.get("file", "plan")), int(fields.get("line", 1)), int(fields.get("column", 1)))
    severity = Severity(fields.get("severity", "error"))
    return Problem(fields["code"], where, fields.get("path", ""), fields["message"], fields.get("remedy", ""), severity)
