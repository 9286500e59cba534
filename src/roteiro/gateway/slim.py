"""A worker gives back the memory of what it needed only to start.

Loading the kernel's machine code reads most of LLVM's program text (50 MB), which is not needed again. Those pages are clean copies of a
file: dropped from the process, they are read back from the page cache if they ever are wanted.
"""

import ctypes
import gc
import re
from pathlib import Path

__all__ = ["give_back"]

MADV_DONTNEED = 4
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp .*/libllvmlite\.so$", re.MULTILINE)


def give_back() -> None:
    """Drop the compiler's program text, and what the allocator holds free. Does nothing where the system offers neither."""
    gc.collect()
    try:
        libc = ctypes.CDLL(None)
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        libc.malloc_trim.argtypes = (ctypes.c_size_t,)
    except (OSError, AttributeError):
        return
    for begin, end in MAPPING.findall(maps):  # executable mappings alone: they are never written to, so nothing is lost
        libc.madvise(int(begin, 16), int(end, 16) - int(begin, 16), MADV_DONTNEED)
    libc.malloc_trim(0)
