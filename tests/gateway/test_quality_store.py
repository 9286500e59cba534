"""The store of versions, answers and changes."""

from pathlib import Path

import pytest

from roteiro.gateway.quality_store import Asked, Change, QualityStore, changes_of
from roteiro.quality.drift import REFERENCES, Detector
from roteiro.terms.error import SettingsError
from roteiro.terms.probe import Expected, Probe


def asked(version: int, probe: int, at_s: float, text: str = "x") -> Asked:
    return Asked(version, probe, at_s, text, True, False, None, 3, None, 0.25, None, 0.5)


def test_a_version_is_new_once(tmp_path: Path) -> None:
    with QualityStore(tmp_path / "q.sqlite") as store:
        one, before = store.version("a", "m-1", 10.0)
        assert (one.number, one.era, before) == (1, 1, None)
        two, before = store.version("a", "m-2", 20.0)
        assert before == one
        again, before = store.version("a", "m-1", 30.0)
        assert (again.number, again.last_s, before) == (1, 30.0, None)
        other, before = store.version("b", "m-1", 30.0)
        assert (other.number, before) == (3, None)
        era = store.begin_era(two, 40.0)
        assert (era.text, era.era) == ("m-2", 2)
        assert store.version("a", "m-2", 50.0)[0].number == era.number
        assert [one.number for one in store.versions()] == [1, 2, 4, 3]


def test_a_probe_keeps_its_number_while_it_asks_the_same(tmp_path: Path) -> None:
    one, two = (Probe(id=id, kind="factual", language="en", ask="?", expected=Expected(one_of=("x",))) for id in "ab")
    with QualityStore(tmp_path / "q.sqlite") as store:
        assert [probe.number for probe in store.numbered([one, two])] == [1, 2]
        other = Probe(id="a", kind="factual", language="en", ask="?", expected=Expected(one_of=("y",)))
        assert [probe.number for probe in store.numbered([two, other, one])] == [2, 3, 1]


def test_references_are_the_first_answers_and_outlive_the_rest(tmp_path: Path) -> None:
    with QualityStore(tmp_path / "q.sqlite") as store:
        version, _ = store.version("a", "m", 0.0)
        for n in range(8):
            store.keep(asked(version.number, 1, float(n), f"t{n}"))
        first = [f"t{n}" for n in range(REFERENCES)]
        assert store.references(version.number, 1) == first
        assert store.last(version.number, 1, 2) == ["t7", "t6"]
        assert store.askings("a") == {1: 8}
        assert store.answers(version.number, 6.0)[0] == asked(version.number, 1, 6.0, "t6")
        store.forget(200 * 86_400.0)
        assert [one.text for one in store.answers(version.number)] == first


def test_detectors_and_changes_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite"
    assert changes_of(path, 0.0) == []
    change = Change(1, 5.0, "a", 2, "drift", "m", "m", 4.0, "length", True, 700.0, 60)
    with QualityStore(path) as store:
        detector = Detector(rate=0.01)
        detector.begin_round(3.0)
        detector.see(1, {"length": 4.0})
        store.keep_detector(2, "trigrams", detector)
        assert store.detector(2, "trigrams") == detector
        assert store.detector(2, "e5") is None
        store.note(change)
        store.note_round(9.0, "done")
        assert store.last_round() == (9.0, "done")
    assert changes_of(path, 0.0) == [change]
    assert changes_of(path, 6.0) == []


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "q.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(SettingsError, match="cannot be used"):
        QualityStore(tmp_path / "q.sqlite")
