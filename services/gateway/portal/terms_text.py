"""What terms of use say, as a page shows it: Markdown, or a PDF within it."""

from dataclasses import dataclass

from aiohttp import hdrs, web
from markupsafe import Markup

from services.gateway.headers import FRAMING
from services.gateway.markdown import html_of
from services.gateway.portal import addresses
from services.gateway.terms_file import PDF, content_and_headers
from shared.contracts.terms import Terms, TermsFile, TermsText


@dataclass(frozen=True)
class Shown:
    """One of both: a text, or the address of a file."""

    html: Markup | None = None
    file: str | None = None


async def shown(said: Terms | TermsText, file: str, below: int = 1, **query: str) -> Shown:
    """Return a text with its headings below that level, or where its file is, in its language."""
    if said.text is not None:
        return Shown(html=await html_of(said.text, below))
    return Shown(file=addresses.with_query(file, **query, language=said.language))


def framing(response: web.Response, *texts: Shown) -> web.Response:
    """Return a page that may show files of ours within it, if it has any to show."""
    if any(each.file for each in texts):
        response.headers["Content-Security-Policy"] = FRAMING
    return response


def served(file: TermsFile) -> web.Response:
    """Return a file, to be shown in the page or by itself."""
    content, headers = content_and_headers(file)
    return web.Response(body=content, headers={**headers, hdrs.CONTENT_TYPE: PDF})
