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
        ended = _END.search(content[-_END_WITHIN:])
        if not _BEGIN.match(content) or ended is None or int(ended[1]) >= len(content):
            raise UnusablePdf
        return cls(content)

    def encoded(self) -> str:
        """Return it in base64."""
        return base64.b64encode(self.content).decode()
