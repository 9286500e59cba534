"""Where the example plans are: in the wheel beside the package, or in the checkout above it.

What must not live here: reading plans.
"""

from pathlib import Path

import roteiro
from roteiro.terms.error import SettingsError

__all__ = ["example"]


def example(name: str = "chapter.yaml") -> Path:
    """The file of an example plan. Raises SettingsError where this installation has none."""
    package = Path(roteiro.__file__).parent
    for folder in (package / "examples", package.parent.parent / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise SettingsError(f"the example plan {name} is not part of this installation; give a plan of your own with --plan")
