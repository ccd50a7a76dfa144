"""Ends what is left of a stack: processes that its supervisor lost, or never knew."""

import os
import signal
import time
from pathlib import Path


def end_leftovers(stack: str, seconds: float = 15) -> list[int]:
    """End every process of the stack, kill those that take too long, and return those that stay.

    All of them, and whatever they started, carry the stack's name in their environment.
    """
    for ending, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        _signal_all(stack, ending)
        if _all_gone(stack, patience):
            return []
    return members(stack)


def members(stack: str) -> list[int]:
    """List the ids of the live processes of the stack, without this one."""
    mark = f"PORTAL_STACK={stack}".encode()
    everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in everyone if pid != os.getpid() and mark in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        # It has ended in the meantime, or belongs to somebody else.
        return []


def _signal_all(stack: str, what: signal.Signals) -> None:
    for pid in members(stack):
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


def _all_gone(stack: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while members(stack):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
