"""A PDF is known by how it begins and ends, and kept as it came."""

import base64
import hashlib

import pytest

from services.profile.errors import PdfTooLarge, UnusablePdf
from services.profile.pdf import PdfFile
from shared.contracts.terms import LargestPdf
from tests.pdf import pdf


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def with_stream(before: bytes = b"") -> bytes:
    """Return a file whose table is in a stream, with something before it."""
    place = len(b"%PDF-1.7\n")
    table = b"12 0 obj\n<</Type/XRef/Length 0>>stream\nendstream endobj\n"
    return b"%%PDF-1.7\n%s%sstartxref\n%d\n%%%%EOF\n" % (before, table, place)


@pytest.mark.parametrize(
    "content",
    [
        pdf(),
        pdf() + b"\r\n \n",
        pdf().replace(b"startxref\n", b"startxref \r\n"),
        pdf().replace(b"xref\n0", b"xref\r\n0"),
        with_stream(),
        with_stream(b"\r\n"),
    ],
)
def test_a_file_is_kept_as_it_came(content: bytes) -> None:
    kept = PdfFile.of(encoded(content))
    assert (kept.content, kept.encoded()) == (content, encoded(content))
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert "%PDF" not in repr(kept)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.4\n",
        pdf()[:-20],
        b"\n" + pdf(),
        b"<html><script>alert(1)</script>" + pdf(),
        pdf().replace(b"%PDF-1.4", b"%PDF-9.x"),
        pdf() + b"<script>alert(1)</script>",
        b"%PDF-1.4\nstartxref\n999\n%%EOF",
        b"%PDF-1.4\nstartxref\n9999999999\n%%EOF",
        b"%PDF-1.4<script>alert(1)</script>\nstartxref\n5\n%%EOF",
        b"%PDF-1.4\nstartxref\n9\n%%EOF",
        with_stream(b"<script>alert(1)</script>"),
        with_stream(b"% 1"),
    ],
)
def test_what_does_not_begin_and_end_as_one_is_refused(content: bytes) -> None:
    with pytest.raises(UnusablePdf):
        PdfFile.of(encoded(content))


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(UnusablePdf):
        PdfFile.of("%PDF-1.4")


def test_a_file_may_be_as_large_as_is_said() -> None:
    largest = pdf(size=LargestPdf - len(pdf()) - 5)
    assert LargestPdf - 10 < len(largest) <= LargestPdf
    assert PdfFile.of(encoded(largest)).content == largest
    with pytest.raises(PdfTooLarge):
        PdfFile.of(encoded(pdf(size=LargestPdf)))
