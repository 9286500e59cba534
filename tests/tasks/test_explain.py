"""What `roteiro explain --request` says of ids that no row bears."""

from pathlib import Path

import pytest

from roteiro.tasks.explain import whom
from roteiro.terms.error import SettingsError


class NoRuns:
    directory = Path("data")

    def runs(self) -> list[object]:
        return []


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("20261122T174648Z-a44963-w0-4711-3", "refused before it entered the journey"),
        ("20261122T174648Z-a44963-12", "has no run '20261122T174648Z-a44963'"),
        ("nonsense", "is no request's id"),
    ],
)
def test_an_id_without_a_row_is_told_apart(id: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        whom(NoRuns(), id, None)  # type: ignore[arg-type]
