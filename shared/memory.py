"""Giving memory back to the machine."""

import ctypes
import gc


def settle() -> None:
    """Call when a service is built: what is there now stays, so the collector may skip it."""
    gc.collect()
    gc.freeze()
    give_back()


def give_back() -> None:
    """Return freed memory that the C library keeps for later; only glibc keeps it and can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
