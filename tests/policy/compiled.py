"""Policies are compiled without the wrapper that Python needs to call them; this gives a test one."""

from collections.abc import Callable
from typing import Any

from roteiro.policy.kernel import JIT


def callable_from_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled again for Python to call, or itself where nothing is compiled."""
    if not JIT:
        return function
    import numba

    return numba.njit(error_model="numpy")(function.py_func)  # type: ignore[attr-defined, no-any-return]
