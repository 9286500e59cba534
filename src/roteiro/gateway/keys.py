"""Clients' keys at rest: whose they are, and a digest that tells one when it comes. The keys themselves are never kept.

A name may have several secrets for a while: a rotated key's new one, and the old ones until their overlap ends.
A key is 256 random bits, so that its plain SHA-256 can be neither guessed nor reversed; a slow hash is for passwords.
SQLite in the data directory by default; any database that SQLAlchemy speaks by its URL.

What must not live here: what a key allows (the plan says that of its tenant).
"""

import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Column, DateTime, Engine, MetaData, String, Table, create_engine, delete, insert, inspect, select, text, update
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from roteiro.plan.compile import Grant
from roteiro.plan.model import Plan
from roteiro.plan.own import own_names
from roteiro.terms.error import RequestError, SettingsError
from roteiro.terms.units import QuantityError, parse_duration

__all__ = ["Key", "Keys", "digest_of", "make_key"]

PREFIX: Final = "rk-"
MOST_OVERLAP_S: Final = 30 * 86_400.0
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_TABLES: Final = MetaData()
_KEYS: Final = Table(
    "keys",
    _TABLES,
    Column("name", String(64), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("tenant", String(200), nullable=False),
    Column("workload", String(200)),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("revoked", DateTime(timezone=True)),
    Column("expires", DateTime(timezone=True)),
)
_FORMER: Final = Table(
    "former_secrets",
    _TABLES,
    Column("sha256", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key. `revoked`, `expires` and `overlap_until` are when, or None."""

    name: str
    sha256: str
    tenant: str
    workload: str | None
    created: datetime
    revoked: datetime | None = None
    expires: datetime | None = None
    expired: bool = False
    """Whether that was past when the key was read."""
    former: tuple[str, ...] = ()
    """Digests of older secrets that still open."""
    overlap_until: datetime | None = None
    """When the last of those closes."""

    def is_open(self, plan: Plan) -> bool:
        """Whether it opens anything under a plan: neither revoked nor expired, and its tenant and workload are there."""
        known = self.tenant in plan.tenants and (self.workload is None or self.workload in plan.workloads)
        return known and self.revoked is None and not self.expired

    @property
    def grants(self) -> list[Grant]:
        """One for each secret that opens; all are the same key to limits, budgets and the ledger."""
        return [Grant(self.name, sha256, self.tenant, self.workload) for sha256 in (self.sha256, *self.former)]


def make_key() -> str:
    """A new key, as its holder gets to see it once."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """What is kept of a key: its SHA-256, hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """The keys in a database. Every method may wait for the disk; each raises SettingsError where the database fails."""

    def __init__(self, url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Opens the database, and makes its tables where they are not."""
        self._clock = clock
        try:
            self._engine: Engine = create_engine(url)
            _TABLES.create_all(self._engine)
            if "expires" not in {column["name"] for column in inspect(self._engine).get_columns("keys")}:  # of release 0.1
                with self._engine.begin() as connection:
                    connection.execute(text(f"ALTER TABLE keys ADD COLUMN expires {_KEYS.c.expires.type.compile(self._engine.dialect)}"))
        except (SQLAlchemyError, ArgumentError, NoSuchModuleError, ImportError) as error:
            raise SettingsError(f"the state database cannot be used: {_first_line(error)}") from None

    def all(self) -> list[Key]:
        """Every key there ever was, by name."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(_KEYS).order_by(_KEYS.c.name)).mappings().all()
                others = connection.execute(select(_FORMER).order_by(_FORMER.c.until)).mappings().all()
        except SQLAlchemyError as error:
            raise SettingsError(f"the keys cannot be read: {_first_line(error)}") from None
        now, former = self._clock(), defaultdict[str, dict[str, datetime]](dict)
        for row in others:
            if (until := _utc(row["until"])) is not None and until > now:
                former[row["name"]][row["sha256"]] = until
        found = []
        for row in rows:
            moments = {word: _utc(row[word]) for word in ("created", "revoked", "expires")}
            older, expires = former[row["name"]], moments["expires"]
            found.append(
                Key(
                    **dict(row) | moments, expired=expires is not None and expires <= now,
                    former=tuple(older), overlap_until=max(older.values(), default=None),
                )
            )  # fmt: skip
        return found

    def grants(self, plan: Plan) -> list[Grant]:
        """What the keys open under a plan. The keys of a tenant that it does not have are kept, and closed."""
        return [grant for key in self.all() if key.is_open(plan) for grant in key.grants]

    def next_change(self) -> datetime | None:
        """When the next key expires or the next overlap ends; None where nothing is to come."""
        moments = [moment for key in self.all() if key.revoked is None for moment in (key.expires, key.overlap_until) if moment]
        try:
            with self._engine.connect() as connection:
                moments += [moment for (until,) in connection.execute(select(_FORMER.c.until)) if (moment := _utc(until))]
        except SQLAlchemyError as error:
            raise SettingsError(f"the keys cannot be read: {_first_line(error)}") from None
        now = self._clock()
        return min((moment for moment in moments if moment > now), default=None)

    def draft(self, tenant: str, workload: str | None, name: str | None, plan: Plan, expires: str | None = None) -> tuple[Key, str]:
        """A key that could be added → (what is kept of it, the key). Raises RequestError where the plan does not allow it.

        `expires` is a date, a moment (ISO 8601) or a duration from now (`30d`).
        """
        ends = None if expires is None else moment_in(expires, self._clock())
        if tenant not in plan.tenants:
            raise RequestError(
                422, "unknown_tenant", f"the plan has no tenant {tenant!r}; it has {', '.join(sorted(plan.tenants))}", "tenant"
            )
        allowed = plan.tenants[tenant].workloads or tuple(sorted(set(plan.workloads) - set(own_names(plan))))
        if workload is not None and workload not in allowed:
            raise RequestError(
                422, "unknown_workload", f"tenant {tenant} has no workload {workload!r}; it has {', '.join(allowed)}", "workload"
            )
        taken = {key.name for key in self.all()}
        if name is None:
            name = next(
                free for n in range(1, len(taken) + 2) if (free := f"{re.sub('[^A-Za-z0-9._-]', '-', tenant)[:50]}-{n}") not in taken
            )
        if not NAME.fullmatch(name):
            raise RequestError(422, "bad_name", f"{name[:80]!r} cannot name a key; use 1 to 64 letters, digits, '.', '_' and '-'", "name")
        if name in taken:
            raise RequestError(
                409, "name_taken", f"there is, or was, a key {name!r}; a name is used once, so that the ledger stays clear", "name"
            )
        key = make_key()
        return Key(name, digest_of(key), tenant, workload, self._clock(), expires=ends), key

    def add(self, key: Key) -> None:
        """Keep a drafted key. Raises RequestError where its name was taken meanwhile."""
        row = {field: getattr(key, field) for field in ("name", "sha256", "tenant", "workload", "created", "expires")}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_KEYS).values(**row))
        except IntegrityError:
            raise RequestError(409, "name_taken", f"there is a key {key.name!r} already", "name") from None
        except SQLAlchemyError as error:
            raise SettingsError(f"the key cannot be kept: {_first_line(error)}") from None

    def redraft(self, name: str, overlap_s: float, plan: Plan) -> tuple[Key, str]:
        """A key with another secret, the old ones open for `overlap_s` more → (what is to be kept, the new secret). Nothing is changed yet.

        Raises RequestError where there is none, or it is closed.
        """
        old = self.named(name)
        if not old.is_open(plan):
            raise RequestError(409, "key_closed", f"key {old.name!r} is revoked, expired, or opens nothing under this plan; make another")
        if not 0.0 <= overlap_s <= MOST_OVERLAP_S:
            raise RequestError(422, "bad_overlap", f"the overlap is {overlap_s:g} s; at most {MOST_OVERLAP_S / 86_400:g} days", "overlap")
        key = make_key()
        former = (old.sha256, *old.former) if overlap_s else ()
        until = self._clock() + timedelta(seconds=overlap_s) if overlap_s else None
        return replace(old, sha256=digest_of(key), former=former, overlap_until=until), key

    def rotate(self, key: Key) -> None:
        """Keep what `redraft` made. Older secrets close with the overlap, or at once where there is none."""
        try:
            with self._engine.begin() as connection:
                old = connection.execute(select(_KEYS.c.sha256).where(_KEYS.c.name == key.name)).scalar_one()
                connection.execute(update(_KEYS).where(_KEYS.c.name == key.name).values(sha256=key.sha256))
                if key.overlap_until is None:
                    connection.execute(delete(_FORMER).where(_FORMER.c.name == key.name))
                else:
                    connection.execute(
                        update(_FORMER)
                        .where(_FORMER.c.name == key.name, _FORMER.c.until > key.overlap_until)
                        .values(until=key.overlap_until)
                    )
                    connection.execute(insert(_FORMER).values(sha256=old, name=key.name, until=key.overlap_until))
        except SQLAlchemyError as error:
            raise SettingsError(f"the key cannot be rotated: {_first_line(error)}") from None

    def named(self, name: str) -> Key:
        """Raises RequestError (404) where there is none."""
        for key in self.all():
            if key.name == name:
                return key
        raise RequestError(404, "unknown_key", f"there is no key {name[:80]!r}")

    def revoke(self, name: str) -> Key:
        """Close a key for good → the key. Revoking twice changes nothing. Raises RequestError (404) where there is none."""
        try:
            with self._engine.begin() as connection:
                connection.execute(update(_KEYS).where(_KEYS.c.name == name, _KEYS.c.revoked.is_(None)).values(revoked=self._clock()))
        except SQLAlchemyError as error:
            raise SettingsError(f"the key cannot be revoked: {_first_line(error)}") from None
        return self.named(name)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def moment_in(said: str, now: datetime) -> datetime:
    """A date, a moment or a duration from now. Raises RequestError where it is none of these, or past."""
    try:
        moment = datetime.fromisoformat(said)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except ValueError:
        try:
            moment = now + timedelta(seconds=float(parse_duration(said, default="s")))
        except (QuantityError, OverflowError):
            raise RequestError(
                422, "bad_expiry", f"{said[:40]!r} is no date, moment or duration; write 2027-01-31 or 30d", "expires"
            ) from None
    if moment <= now:
        raise RequestError(422, "bad_expiry", f"{said[:40]!r} is past", "expires")
    return moment


def _utc(moment: datetime | None) -> datetime | None:
    """SQLite keeps no zone."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
