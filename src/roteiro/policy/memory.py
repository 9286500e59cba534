"""A record of the block by its place: in machine code a few loads from an address, in plain Python a view of the buffer.

What must not live here: which tables there are, and where they lie (`state`).
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import JIT

__all__ = ["LINE", "buffers", "prefetch", "record_at", "release"]

LINE: Final = 64  # tables begin on a cache line

buffers: dict[int, npt.NDArray[np.uint8]] = {}
"""The blocks that plain Python knows by address; machine code needs no such book."""


def release(address: int) -> None:
    """Forget a block whose memory is about to go."""
    buffers.pop(address, None)


if JIT:
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def record_at(typingctx: Any, block: Any, at: Any, i: Any, dtype: Any) -> Any:
        """The `i`-th record of the table that begins `at` bytes into the block."""
        record_type = dtype.dtype

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            base, offset, index = (
                context.cast(builder, value, kind, types.int64) for value, kind in zip(args[:3], signature.args[:3], strict=True)
            )
            size = context.get_constant(types.int64, record_type.size)
            address = builder.add(builder.add(base, offset), builder.mul(index, size))
            return builder.inttoptr(address, context.get_value_type(record_type))

        from numba import types

        return record_type(block, at, i, dtype), codegen

    @intrinsic  # type: ignore[untyped-decorator]
    def prefetch(typingctx: Any, block: Any, at: Any, i: Any, dtype: Any) -> Any:
        """Ask the processor to fetch the `i`-th record of the table that begins `at` bytes into the block."""

        size = dtype.dtype.size

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            from llvmlite import ir

            byte, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
            fetch = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
            )
            base, offset, index = (
                context.cast(builder, value, kind, types.int64) for value, kind in zip(args[:3], signature.args[:3], strict=True)
            )
            address = builder.add(builder.add(base, offset), builder.mul(index, context.get_constant(types.int64, size)))
            for line in range(0, size, LINE):
                pointer = builder.inttoptr(builder.add(address, context.get_constant(types.int64, line)), byte)
                builder.call(fetch, [pointer, number(0), number(3), number(1)])
            return context.get_dummy_value()

        from numba import types
        from numba.core import cgutils

        return types.void(block, at, i, dtype), codegen
else:

    def prefetch(block: int, at: int, i: int, dtype: np.dtype[Any]) -> None:
        """Machine code asks the processor to fetch a record here; plain Python has no processor to ask."""

    def record_at(block: int, at: int, i: int, dtype: np.dtype[Any]) -> Any:
        """The `i`-th record of the table that begins `at` bytes into the block."""
        begin = at + i * dtype.itemsize
        return buffers[block][begin : begin + dtype.itemsize].view(dtype).view(np.recarray)[0]
