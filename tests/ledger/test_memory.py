"""The ledger in memory."""

from typing import Any

import pytest
from numpy.typing import NDArray

from roteiro.ledger import Head, MemoryLedger

from .contract import LedgerContract, Put


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()

    @pytest.fixture
    def put(self, ledger: MemoryLedger) -> Put:
        def put(head: Head, *batches: NDArray[Any]) -> None:
            writer = ledger.writer(head)
            for batch in batches:
                writer.append(batch)
            writer.seal()

        return put
