"""Passwords that are known to attackers: a bundled list, and a full one where it is installed."""

import hashlib
import mmap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from services.credentials.dictionaries import LISTS


@dataclass(frozen=True)
class Blocklist:
    """Tell whether a password is among breached ones (NIST SP 800-63B-4, 3.1.1.2).

    `file`, where given, holds SHA-1 hashes in upper-case hex, sorted, one a line, with
    anything after a colon: the form in which breach corpora are passed on.
    """

    file: Path | None = None

    def contains(self, password: str) -> bool:
        """Tell whether the password, in any letter case, is listed."""
        if password.casefold() in LISTS["passwords"]:
            return True
        return self.file is not None and self._in_file(password)

    def _in_file(self, password: str) -> bool:
        sought = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        lines, low, high = self._lines, 0, len(self._lines)
        while low < high:
            start = lines.rfind(b"\n", 0, (low + high) // 2) + 1
            end = lines.find(b"\n", start)
            end = len(lines) if end < 0 else end
            found = lines[start : start + len(sought)]
            if found == sought:
                return True
            if found < sought:
                low = end + 1
            else:
                high = start
        return False

    @cached_property
    def _lines(self) -> mmap.mmap:
        if self.file is None:
            raise FileNotFoundError
        with self.file.open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
