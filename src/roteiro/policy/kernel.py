"""The decorators of the kernel, and its cache.

`@kernel` and `@entry` compile a function with Numba; with `ROTEIRO_JIT=0` they are the identity, so that a debugger and coverage can walk
the same lines. What must not live here: decisions.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["JIT", "cache_directory", "entry", "inlined", "kernel"]

F = TypeVar("F", bound=Callable[..., Any])

JIT: Final = os.environ.get("ROTEIRO_JIT", "1") != "0"


def cache_directory() -> Path:
    """Where machine code is kept: a folder per content of the kernel's sources.

    Numba looks for staleness in the file of the outermost function alone, so a change in a policy would leave the compiled
    journey as it was. A folder named after all sources together cannot be stale.
    """
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(str(package).encode())  # Numba tells copies of the sources apart, so what one compiled is not there for another
    for room in ("terms", "policy", "journey", "simulator"):
        for path in sorted((package / room).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    home = os.environ.get("ROTEIRO_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(home).expanduser() / "roteiro" / f"kernel-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="roteiro-kernel-"))
    # What lies here is run: a folder that others may write to, or that is another's, is not ours to load from.
    ours = status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if ours and os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="roteiro-kernel-"))


if JIT:
    import numba
    from numba import types
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import CompilerBase, DefaultPassBuilder

    numba.config.CACHE_DIR = str(cache_directory())
    # Decisions are branches and single loads, nothing to do side by side: looking for it took a quarter of the time to compile.
    numba.config.LOOP_VECTORIZE, numba.config.SLP_VECTORIZE = 0, 0

    class Part(CompilerBase):  # type: ignore[misc]  # Numba has no types
        """Numba's compiler, for functions that compiled functions alone call."""

        def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
            super().__init__(typingctx, targetctx, library or PartLibrary(targetctx.codegen(), "part"), *rest)

        def define_pipelines(self) -> list[Any]:
            return [DefaultPassBuilder.define_nopython_pipeline(self.state)]

    class PartLibrary(JITCodeLibrary):  # type: ignore[misc]
        """Code that waits to be linked into an entry, and is optimised there, with all that it calls and is called by.

        Numba's own way optimises and emits each function with everything below it, again and again up the tree of calls.
        """

        def _optimize_final_module(self) -> None:
            pass

        def _finalize_final_module(self) -> None:
            self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:
            """None: there is no machine code of it alone."""
            self._ensure_finalized()
            return 0

        @property
        def codegen(self) -> Any:
            return self

        def set_env(self, name: str, environment: Any) -> None:
            """Nothing in the kernel looks for its Python environment."""

    OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}

    def kernel(function: F) -> F:
        """Compile `function` in Numba's nopython mode, for other compiled functions to call.

        It becomes machine code as a part of each `entry` that reaches it. A call from Python would end the process: call
        `function.py_func`, or give it an `entry`.
        """
        return widened(numba.njit(no_cpython_wrapper=True, pipeline_class=Part, **OPTIONS)(function))

    def inlined(function: F) -> F:
        """The same for a step of the usual walk that one place calls, or two: it becomes part of its caller.

        The calls of a request's walk, some fifty, took a quarter of its time: arguments, a status, results by address.
        """
        return widened(numba.njit(no_cpython_wrapper=True, pipeline_class=Part, forceinline=True, **OPTIONS)(function))

    def entry(function: F) -> F:
        """The same for the few functions that Python calls; their machine code is kept on disk."""
        return widened(numba.njit(cache=True, **OPTIONS)(function))

    def widened(dispatcher: Any) -> Any:
        """Make compiled callers pass every integer as 64 bits, whichever field of a record it comes from, and no literal as itself.

        Otherwise Numba compiles a function once for each mix of widths that it is called with: three times as many, and twice as long.
        """
        template_of = dispatcher.get_call_template

        def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
            return template_of(tuple(types.int64 if isinstance(kind, types.Integer) else types.unliteral(kind) for kind in args), kws)

        dispatcher.get_call_template = get_call_template
        return dispatcher
else:

    def kernel(function: F) -> F:
        """Leave `function` as it is."""
        return function

    entry = inlined = kernel
