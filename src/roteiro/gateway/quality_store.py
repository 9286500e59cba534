"""What is known of the models behind the targets: their versions, their answers to canaries, and what has changed. One SQLite file.

It is written by the process that asks, and read by anyone. Answers here are to questions of our own; nothing of a client's is kept.
What must not live here: asking, grading, testing.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

import msgspec

from roteiro.quality.drift import REFERENCES, Detector
from roteiro.quality.judge_rate import Counts
from roteiro.terms.error import SettingsError
from roteiro.terms.probe import Probe

__all__ = ["FILE", "Asked", "Change", "ChangeKind", "Measured", "QualityStore", "SeenVersions", "Version", "changes_of"]

FILE: Final = "quality.sqlite"
"""Its name in the data directory."""
KEEP_ANSWERS_S: Final = 90 * 86_400.0
BUSY_S: Final = 20.0
REWRITE_S: Final = 60.0

ChangeKind = Literal["version", "drift"]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS versions (number INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, text TEXT NOT NULL,
    era INTEGER NOT NULL, first_s REAL NOT NULL, last_s REAL NOT NULL, UNIQUE (target, text, era));
CREATE TABLE IF NOT EXISTS probes (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, id TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (version INTEGER NOT NULL, probe INTEGER NOT NULL, at_s REAL NOT NULL, text TEXT NOT NULL,
    right INTEGER NOT NULL, refused INTEGER NOT NULL, formed INTEGER, tokens INTEGER NOT NULL, agreement REAL, distance REAL,
    confidence REAL, latency_s REAL NOT NULL);
CREATE INDEX IF NOT EXISTS answers_of_probe ON answers (version, probe, at_s);
CREATE TABLE IF NOT EXISTS detectors (version INTEGER PRIMARY KEY, measure TEXT NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS changes (number INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, target TEXT NOT NULL,
    version INTEGER NOT NULL, kind TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, since_s REAL NOT NULL,
    feature TEXT NOT NULL, up INTEGER NOT NULL, evidence REAL NOT NULL, probes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS judges (version INTEGER NOT NULL, kind TEXT NOT NULL, at_s REAL NOT NULL, bad_right INTEGER NOT NULL,
    bad_of INTEGER NOT NULL, good_right INTEGER NOT NULL, good_of INTEGER NOT NULL, silent INTEGER NOT NULL, PRIMARY KEY (version, kind));
CREATE TABLE IF NOT EXISTS failures (target TEXT NOT NULL, at_s REAL NOT NULL, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rounds (number INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, state TEXT NOT NULL);
"""


class Version(NamedTuple):
    """What a target says that it is. `era` counts changes that were found behind the same words. Unix seconds."""

    number: int
    target: str
    text: str
    era: int
    first_s: float
    last_s: float


class Change(NamedTuple):
    """A target's model is another one: it says so (`version`), or its answers do (`drift`).

    `since_s` is when it probably began. Of drift: `feature` is what changed first, `up` whether it became more, and `evidence` the odds
    against the model having stayed the same; `probes` answers of this version had been seen.
    """

    number: int
    at_s: float
    target: str
    version: int
    kind: ChangeKind
    before: str
    after: str
    since_s: float
    feature: str = ""
    up: bool = False
    evidence: float = 0.0
    probes: int = 0


class Measured(NamedTuple):
    """How a judge did on labelled items. `kind`: `judge` (good or bad) or `factual` (facts supported or not).

    `sensitivity` counts bad items that it called bad, `specificity` good ones that it called good; `silent` items got no verdict.
    """

    version: int
    kind: str
    at_s: float
    sensitivity: Counts
    specificity: Counts
    silent: int


class Asked(NamedTuple):
    """One answer to one probe. `formed`, `agreement`, `distance` and `confidence` are None where they are not known."""

    version: int
    probe: int
    at_s: float
    text: str
    right: bool
    refused: bool
    formed: bool | None
    tokens: int
    agreement: float | None
    distance: float | None
    confidence: float | None
    latency_s: float


class QualityStore:
    """One connection, for one thread. Raises SettingsError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes it where it is not."""
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # a power failure may cost the last round, which is asked again
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            raise SettingsError(f"{path} cannot be used: {error}") from None

    @classmethod
    def there(cls, path: Path) -> Self | None:
        """The store, where there is one."""
        return cls(path) if path.exists() else None

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within is kept at once, or by an exception not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- versions ---------------------------------------------------------------------------------------------------------------------

    def version(self, target: str, text: str, at_s: float) -> tuple[Version, Version | None]:
        """The version that a target says it is, seen now → (it, and where it was never seen before, the one seen last)."""
        found = self._db.execute(
            "SELECT * FROM versions WHERE target = ? AND text = ? ORDER BY era DESC LIMIT 1", (target, text)
        ).fetchone()
        if found is not None:
            self._db.execute("UPDATE versions SET last_s = ? WHERE number = ?", (at_s, found[0]))
            return Version(*found)._replace(last_s=at_s), None
        last = self._db.execute("SELECT * FROM versions WHERE target = ? ORDER BY last_s DESC LIMIT 1", (target,)).fetchone()
        return self._add(target, text, 1, at_s), None if last is None else Version(*last)

    def begin_era(self, version: Version, at_s: float) -> Version:
        """Another model says the same of itself: it has a number of its own."""
        return self._add(version.target, version.text, version.era + 1, at_s)

    def versions(self) -> list[Version]:
        """All that were ever seen, by target and time."""
        return [Version(*row) for row in self._db.execute("SELECT * FROM versions ORDER BY target, first_s, number")]

    def _add(self, target: str, text: str, era: int, at_s: float) -> Version:
        row = (target, text, era, at_s, at_s)
        number = self._db.execute("INSERT INTO versions (target, text, era, first_s, last_s) VALUES (?, ?, ?, ?, ?)", row).lastrowid
        return Version(number or 0, *row)

    # --- probes and answers -----------------------------------------------------------------------------------------------------------

    def numbered(self, probes: Iterable[Probe]) -> list[Probe]:
        """The probes with numbers of this store's own: one that asks or expects something else than before has another number."""
        numbered = []
        for probe in probes:
            digest = hashlib.sha256(msgspec.json.encode((probe.id, probe.ask, probe.system, probe.most_tokens, probe.expected))).hexdigest()
            self._db.execute(
                "INSERT INTO probes (digest, id, kind) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (digest, probe.id, probe.kind)
            )
            (number,) = self._db.execute("SELECT number FROM probes WHERE digest = ?", (digest,)).fetchone()
            numbered.append(msgspec.structs.replace(probe, number=number))
        return numbered

    def names(self) -> dict[int, str]:
        """Number of each probe → its id."""
        return dict(self._db.execute("SELECT number, id FROM probes"))

    def kinds(self) -> dict[int, str]:
        """Number of each probe → its kind."""
        return dict(self._db.execute("SELECT number, kind FROM probes"))

    def references(self, version: int, probe: int) -> list[str]:
        """The first answers of a version to a probe, which later ones are compared with."""
        query = "SELECT text FROM answers WHERE version = ? AND probe = ? ORDER BY at_s, rowid LIMIT ?"
        return [text for (text,) in self._db.execute(query, (version, probe, REFERENCES))]

    def last(self, version: int, probe: int, count: int = 1) -> list[str]:
        """The last answers of a version to a probe, the newest first."""
        query = "SELECT text FROM answers WHERE version = ? AND probe = ? ORDER BY at_s DESC, rowid DESC LIMIT ?"
        return [text for (text,) in self._db.execute(query, (version, probe, count))]

    def keep(self, asked: Asked) -> None:
        """One more answer."""
        self._db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", asked)

    def answers(self, version: int, since_s: float = 0.0) -> list[Asked]:
        """Answers of a version, in order."""
        query = "SELECT * FROM answers WHERE version = ? AND at_s >= ? ORDER BY at_s, rowid"
        return [
            Asked(*row)._replace(right=bool(row[4]), refused=bool(row[5]), formed=None if row[6] is None else bool(row[6]))
            for row in self._db.execute(query, (version, since_s))
        ]

    def askings(self, target: str) -> dict[int, int]:
        """Probe → how often it was asked of a target."""
        query = "SELECT probe, count(*) FROM answers JOIN versions ON version = number WHERE target = ? GROUP BY probe"
        return dict(self._db.execute(query, (target,)))

    def forget(self, now_s: float) -> None:
        """Throws old answers away; the first ones of each probe stay, as later ones are compared with them."""
        self._db.execute(
            "DELETE FROM answers WHERE at_s < ? AND rowid NOT IN (SELECT rowid FROM (SELECT rowid, row_number() OVER "
            "(PARTITION BY version, probe ORDER BY at_s, rowid) AS n FROM answers) WHERE n <= ?)",
            (now_s - KEEP_ANSWERS_S, REFERENCES),
        )

    # --- detectors, changes, rounds ---------------------------------------------------------------------------------------------------

    def detector(self, version: int, measure: str) -> Detector | None:
        """What was learnt of a version, where distances were measured so."""
        found = self._db.execute("SELECT state FROM detectors WHERE version = ? AND measure = ?", (version, measure)).fetchone()
        return None if found is None else msgspec.msgpack.decode(found[0], type=Detector)

    def keep_detector(self, version: int, measure: str, detector: Detector) -> None:
        """In place of what there was of the version."""
        row = (version, measure, msgspec.msgpack.encode(detector))
        self._db.execute("INSERT OR REPLACE INTO detectors VALUES (?, ?, ?)", row)

    def detectors(self) -> dict[int, tuple[str, Detector]]:
        """Version → (how distances were measured, its detector)."""
        rows = self._db.execute("SELECT version, measure, state FROM detectors")
        return {version: (measure, msgspec.msgpack.decode(state, type=Detector)) for version, measure, state in rows}

    def note(self, change: Change) -> None:
        """Another change; its number is given here."""
        self._db.execute("INSERT INTO changes VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", change[1:])

    def changes(self, since_s: float = 0.0) -> list[Change]:
        """What was noticed since then, in order."""
        query = "SELECT * FROM changes WHERE at_s >= ? ORDER BY number"
        return [Change(*row)._replace(up=bool(row[9])) for row in self._db.execute(query, (since_s,))]

    def keep_measured(self, one: Measured) -> None:
        """How a judge's version did, in place of what was known of it."""
        row = (one.version, one.kind, one.at_s, *one.sensitivity, *one.specificity, one.silent)
        self._db.execute("INSERT OR REPLACE INTO judges VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def measured(self) -> list[Measured]:
        """All judges' measures, the last measured first."""
        rows = self._db.execute("SELECT * FROM judges ORDER BY at_s DESC, version DESC")
        return [Measured(v, kind, at_s, Counts(a, b), Counts(c, d), silent) for v, kind, at_s, a, b, c, d, silent in rows]

    def note_round(self, at_s: float, state: str) -> None:
        """A round was asked, or was not: `done`, or why it was broken off."""
        self._db.execute("INSERT INTO rounds (at_s, state) VALUES (?, ?)", (at_s, state))

    def note_failures(self, target: str, at_s: float, count: int) -> None:
        """So many questions of a round got no answer."""
        self._db.execute("INSERT INTO failures VALUES (?, ?, ?)", (target, at_s, count))

    def failures(self, since_s: float) -> dict[str, int]:
        """Target → questions without an answer since then."""
        return dict(self._db.execute("SELECT target, sum(count) FROM failures WHERE at_s >= ? GROUP BY target", (since_s,)))

    def last_round(self) -> tuple[float, str] | None:
        """(when it began, how it went)."""
        found = self._db.execute("SELECT at_s, state FROM rounds ORDER BY number DESC LIMIT 1").fetchone()
        return None if found is None else (found[0], found[1])


class SeenVersions:
    """What targets say of themselves → numbers of the registry; `last_s` is written once a minute. For the thread of its first call."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._store: QualityStore | None = None
        self._known: dict[tuple[str, str], tuple[int, float]] = {}

    def __call__(self, target: str, text: str) -> int:
        """The version's number. Raises SettingsError."""
        number, written_s = self._known.get((target, text), (0, -REWRITE_S))
        if (now_s := self._clock()) - written_s >= REWRITE_S:
            if self._store is None:
                self._store = QualityStore(self._path)
            number = self._store.version(target, text, now_s)[0].number
            self._known[target, text] = number, now_s
        return number


def changes_of(path: Path, since_s: float) -> list[Change]:
    """What a data directory's store says has changed since then; nothing where there is none. Raises SettingsError."""
    store = QualityStore.there(path)
    if store is None:
        return []
    with closing(store):
        return store.changes(since_s)
