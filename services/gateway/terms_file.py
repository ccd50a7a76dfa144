"""PDF files of terms of use as they are served, in the API and on pages alike."""

import base64
from collections.abc import Mapping

from services.gateway.headers import ON_FILES
from shared.contracts.terms import TermsFile

PDF = "application/pdf"


def content_and_headers(file: TermsFile) -> tuple[bytes, Mapping[str, str]]:
    """Return the bytes of a file and what they are sent with. It is shown, and not saved at once.

    The SHA-256 is there for whoever wants to prove later what they have read (RFC 9530).
    """
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    headers = {
        **ON_FILES,
        "Content-Disposition": 'inline; filename="terms.pdf"',
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    return base64.b64decode(file.content), headers
