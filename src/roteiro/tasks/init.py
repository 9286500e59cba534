"""Write a commented starter plan.

What must not live here: the starter's text (`plan.starter`).
"""

from pathlib import Path

from roteiro.plan.starter import Language, starter
from roteiro.terms.error import SettingsError

__all__ = ["init"]


def init(path: str | Path = "plan.yaml", language: Language = "en", force: bool = False) -> Path:
    """The path that was written. A file that is there is left alone unless `force`. Raises SettingsError."""
    target = Path(path)
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(starter(language))
    except FileExistsError:
        raise SettingsError(f"{target} is there already; name another file, or overwrite it with --force") from None
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {error.strerror or error}") from error
    return target
