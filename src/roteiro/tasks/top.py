"""Look at a running server again and again: the task behind `roteiro top`.

What must not live here: drawing, and the terminal.
"""

import time
from collections.abc import Callable
from typing import Any

from roteiro.tasks.administer import Administration
from roteiro.terms.error import SettingsError

__all__ = ["watch"]


def watch(
    server: Administration,
    show: Callable[[dict[str, Any], str], None],
    pressed: Callable[[float], str],
    obey: Callable[[str], bool],
    every_s: float = 1.0,
) -> None:
    """Ask every `every_s` seconds and show what is answered, until a key quits.

    `show`: (the latest overview, why the server does not answer now, or ""). `pressed`: waits so many seconds for a key → it, or "".
    `obey`: False where the key quits. Raises SettingsError where the server cannot be reached the first time.
    """
    seen, why, due = server.overview(), "", time.monotonic() + every_s
    while True:
        show(seen, why)
        key = pressed(max(0.0, due - time.monotonic()))
        if key and not obey(key):
            return
        if time.monotonic() >= due:
            due = time.monotonic() + every_s
            try:
                seen, why = server.overview(), ""
            except SettingsError as error:
                why = str(error).partition(";")[0]
