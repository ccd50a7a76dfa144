"""PDF files that admins bring along for terms of use. They are kept as they came.

Nothing in here reads what a file says: readers of PDF are large and have faults of their own, so
only its frame is looked at (ISO 32000-2, 7.5).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import Self

from services.profile.errors import PdfTooLarge, UnusablePdf
from shared.contracts.terms import LargestPdf

_BEGIN = re.compile(rb"%PDF-[12]\.[0-9]")
_END = re.compile(rb"startxref[ \t]*(?:\r\n|\r|\n)([0-9]{1,10})\s+%%EOF\s*\Z")
# A table, or the object that holds one (7.5.4, 7.5.8). Writers are off by the end of a line.
_TABLE = re.compile(rb"[\x00\s]{0,8}(?:xref\s|[0-9]{1,10}\s+[0-9]{1,5}\s+obj\b)")
_END_WITHIN = 1024
"""Bytes; readers look for the end of a file no farther from where it ends."""


@dataclass(frozen=True)
class PdfFile:
    """A file that begins as a PDF, and ends with the place of its table of contents."""

    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """What it is known by."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def of(cls, encoded: str) -> Self:
        """Return the file, or raise `PdfTooLarge` or `UnusablePdf`."""
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UnusablePdf from error
        if len(content) > LargestPdf:
            raise PdfTooLarge
        if not _BEGIN.match(content) or not _ends_with_its_table(content):
            raise UnusablePdf
        return cls(content)

    def encoded(self) -> str:
        """Return it in base64."""
        return base64.b64encode(self.content).decode()


def _ends_with_its_table(content: bytes) -> bool:
    """Tell whether it ends with the place of a table of contents, and there is one."""
    ended = _END.search(content[-_END_WITHIN:])
    return ended is not None and _TABLE.match(content, int(ended[1])) is not None
