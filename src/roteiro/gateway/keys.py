"""Clients' keys at rest: whose they are, and a digest that tells one when it comes. The keys themselves are never kept.

A key is 256 random bits, so that its plain SHA-256 can be neither guessed nor reversed; a slow hash is for passwords.
SQLite in the data directory by default; any database that SQLAlchemy speaks by its URL.

What must not live here: what a key allows (the plan says that of its tenant).
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Column, DateTime, Engine, MetaData, String, Table, create_engine, insert, select, update
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from roteiro.plan.compile import Grant
from roteiro.plan.model import Plan
from roteiro.terms.error import RequestError, SettingsError

__all__ = ["Key", "Keys", "digest_of", "make_key"]

PREFIX: Final = "rk-"
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
)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key. `revoked` is when, or None."""

    name: str
    sha256: str
    tenant: str
    workload: str | None
    created: datetime
    revoked: datetime | None = None

    def is_open(self, plan: Plan) -> bool:
        """Whether it opens anything under a plan: not revoked, and its tenant and workload are there."""
        known = self.tenant in plan.tenants and (self.workload is None or self.workload in plan.workloads)
        return known and self.revoked is None

    @property
    def grant(self) -> Grant:
        return Grant(self.name, self.sha256, self.tenant, self.workload)


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
        except (SQLAlchemyError, ArgumentError, NoSuchModuleError, ImportError) as error:
            raise SettingsError(f"the state database cannot be used: {_first_line(error)}") from None

    def all(self) -> list[Key]:
        """Every key there ever was, by name."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(_KEYS).order_by(_KEYS.c.name)).mappings().all()
        except SQLAlchemyError as error:
            raise SettingsError(f"the keys cannot be read: {_first_line(error)}") from None
        return [Key(**dict(row) | {"created": _utc(row["created"]), "revoked": _utc(row["revoked"])}) for row in rows]

    def grants(self, plan: Plan) -> list[Grant]:
        """What the keys open under a plan. The keys of a tenant that it does not have are kept, and closed."""
        return [key.grant for key in self.all() if key.is_open(plan)]

    def draft(self, tenant: str, workload: str | None, name: str | None, plan: Plan) -> tuple[Key, str]:
        """A key that could be added → (what is kept of it, the key). Raises RequestError where the plan does not allow it."""
        if tenant not in plan.tenants:
            raise RequestError(
                422, "unknown_tenant", f"the plan has no tenant {tenant!r}; it has {', '.join(sorted(plan.tenants))}", "tenant"
            )
        allowed = plan.tenants[tenant].workloads or tuple(sorted(plan.workloads))
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
        return Key(name, digest_of(key), tenant, workload, self._clock()), key

    def add(self, key: Key) -> None:
        """Keep a drafted key. Raises RequestError where its name was taken meanwhile."""
        row = {field: getattr(key, field) for field in ("name", "sha256", "tenant", "workload", "created")}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_KEYS).values(**row))
        except IntegrityError:
            raise RequestError(409, "name_taken", f"there is a key {key.name!r} already", "name") from None
        except SQLAlchemyError as error:
            raise SettingsError(f"the key cannot be kept: {_first_line(error)}") from None

    def revoke(self, name: str) -> Key:
        """Close a key for good → the key. Revoking twice changes nothing. Raises RequestError (404) where there is none."""
        try:
            with self._engine.begin() as connection:
                connection.execute(update(_KEYS).where(_KEYS.c.name == name, _KEYS.c.revoked.is_(None)).values(revoked=self._clock()))
        except SQLAlchemyError as error:
            raise SettingsError(f"the key cannot be revoked: {_first_line(error)}") from None
        for key in self.all():
            if key.name == name:
                return key
        raise RequestError(404, "unknown_key", f"there is no key {name[:80]!r}")

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _utc(moment: datetime | None) -> datetime | None:
    """SQLite keeps no zone."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
