"""Compile the kernel now, so that it is on disk when it is wanted: `python -m roteiro.journey.warm`."""

import numpy as np

from roteiro.journey.step import accepts, step
from roteiro.policy.state import TABLES, block_size, build

__all__ = ["warm"]


def warm() -> None:
    """Load or compile what Python calls of the journey."""
    capacities = dict.fromkeys(TABLES, 2)
    buffer = np.zeros(block_size(capacities), np.uint8)
    build(buffer, capacities)
    accepts(buffer.ctypes.data)
    step(buffer.ctypes.data, 0, -1, 0.0, 0.0, 0, 0, 0, 0, 0, 0)


if __name__ == "__main__":
    warm()
