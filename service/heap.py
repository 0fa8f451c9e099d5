"""What the C library does with memory that is free, where it can be told (glibc)."""

from ctypes import CDLL

_ARENA_MAX = -8
"""mallopt's M_ARENA_MAX."""


def share_one_arena() -> None:
    """Let all threads take memory from one place: what one of them frees another one uses.

    Call it before there are threads. After the load of bench.serving: 189 MiB without it, 179 with it (2026-11).
    """
    mallopt = getattr(CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Give what swapped-out bundles and catalogues held back to the system.

    A swap every night on Complete Journey's catalogue: 195 MiB of private memory without it, 150 with it (2026-11).
    """
    trim = getattr(CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
