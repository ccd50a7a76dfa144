"""Terms of use that are a PDF: brought along, read, accepted, and never a danger to who reads."""

import base64
import hashlib
import html
import io
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import FormData

from shared.contracts.terms import LargestPdf
from tests.contract.http.gateway import OLD, Gateway
from tests.contract.http.pages import Browser, pages
from tests.contract.http.test_roles import Door, admin_token, token_of
from tests.contract.http.test_terms_api import Api, admin, opened, user
from tests.pdf import pdf

__all__ = ["admin", "opened", "user"]

CONTENT = {"required": True, "re_accept": "at-once"}
HOSTILE = pdf("\n<html><script>alert(document.cookie)</script>\n")


def brought(content: bytes, title: str = "House rules") -> dict[str, str]:
    return {"title": title, "content": base64.b64encode(content).decode()}


async def drafted(admin: Api, **more: Any) -> str:
    _, document, _ = await admin("POST", "/admin/terms", CONTENT | more)
    return f"/admin/terms/{document['id']}"


async def published(admin: Api, content: bytes) -> str:
    draft = await drafted(admin)
    assert (await admin("PUT", f"{draft}/texts/en/pdf", brought(content)))[0] == 200
    assert (await admin("POST", f"{draft}/publish", {}))[0] == 200
    return draft.rpartition("/")[2]


def runs_nowhere(headers: Mapping[str, str]) -> None:
    """A file has no origin, and is shown by nobody but us (OWASP, File Upload)."""
    assert headers["Content-Type"] == "application/pdf"
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= set(policy)
    assert headers["Content-Disposition"].startswith("inline;")


async def test_a_pdf_is_read_and_accepted_by_its_version_and_language(
    admin: Api, user: Api
) -> None:
    document = await published(admin, HOSTILE)
    _, read, _ = await user("GET", f"/me/terms/{document}")
    digest = hashlib.sha256(HOSTILE).hexdigest()
    assert (read["format"], read["text"], read["file"]["sha256"]) == ("pdf", None, digest)
    path = read["file"]["url"].removeprefix("/api/v1")
    assert path == f"/me/terms/{document}/file?version=1&language=en"
    status, content, headers = await user("GET", path)
    assert (status, content.encode()) == (200, HOSTILE)
    runs_nowhere(headers)
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"
    assert (await user("POST", f"/me/terms/{document}/accept", {"version": 1}))[0] == 200
    (made,) = (await user("GET", "/me/terms/history"))[1]["items"]
    assert (made["version"], made["language"], made["decision"]) == (1, "en", "accepted")


async def test_a_file_is_nobodys_whom_the_document_does_not_concern(
    opened: Door, admin: Api, user: Api
) -> None:
    draft = await drafted(admin)
    await admin("PUT", f"{draft}/texts/en/pdf", brought(pdf()))
    own = draft.replace("/admin", "/me") + "/file?language=en"
    assert (await user("GET", own))[0] == 404
    assert (await user("GET", f"{own}&version=1"))[0] == 404
    assert (await admin("GET", f"{draft}/texts/en/pdf"))[0] == 200
    await admin("POST", f"{draft}/publish", {})
    assert (await user("GET", own))[0] == 200
    for missing in (f"{own}&version=2", own.replace("=en", "=de")):
        assert (await user("GET", missing))[0] == 404
    assert (await user("GET", own.partition("?")[0]))[0] == 422
    stranger = Api(opened, "stranger")
    assert (await stranger("GET", own))[0] == 404
    assert (await stranger("GET", f"{draft}/texts/en/pdf"))[0] == 404


@pytest.mark.parametrize(
    ("content", "language", "status", "refusal"),
    [
        (b"MZ\x90", "en", 422, "unusable-pdf"),
        (pdf()[:-8], "en", 422, "unusable-pdf"),
        (pdf(size=LargestPdf), "en", 413, "pdf-too-large"),
        (pdf(size=LargestPdf + 100_000), "en", 413, "payload-too-large"),
        (pdf(), "xx", 422, "invalid-request"),
        (b"", "en", 422, "invalid-request"),
    ],
    ids=["no PDF", "cut off", "too large", "far too large", "unknown language", "empty"],
)
async def test_what_is_unfit_changes_nothing(
    admin: Api, content: bytes, language: str, status: int, refusal: str
) -> None:
    draft = await drafted(admin)
    path = f"{draft}/texts/{language}/pdf"
    answered, problem, _ = await admin("PUT", path, brought(content))
    assert (answered, problem["type"]) == (status, f"/problems/{refusal}")
    _, document, headers = await admin("GET", draft)
    assert (document["content"]["texts"], headers["ETag"]) == ([], '"1"')


async def test_a_pdf_is_brought_under_the_tag_of_the_draft(admin: Api) -> None:
    draft = await drafted(admin)
    path = f"{draft}/texts/en/pdf"
    status, _, headers = await admin("PUT", path, brought(pdf("one")), If_Match='"1"')
    assert (status, headers["ETag"]) == (200, '"2"')
    status, problem, _ = await admin("PUT", path, brought(pdf("two")), If_Match='"1"')
    assert (status, problem["type"]) == (412, "/problems/changed-meanwhile")
    _, document, _ = await admin("GET", draft)
    # What was read can be put back, with the file that it names.
    (text,) = document["content"]["texts"]
    assert (await admin("PUT", draft, CONTENT | {"texts": [text]}))[0] == 200
    assert (await admin("GET", path))[1].encode() == pdf("one")
    unknown = CONTENT | {"texts": [text | {"pdf": "0" * 64}]}
    status, problem, _ = await admin("PUT", draft, unknown)
    assert (status, problem["errors"][0]["reason"]) == (422, "unknown-pdf")


async def test_a_language_is_the_same_in_whatever_case(admin: Api, user: Api) -> None:
    content = CONTENT | {"required": False}
    draft = await drafted(admin, **content)
    assert (await admin("PUT", f"{draft}/texts/de-at/pdf", brought(pdf("one"))))[0] == 200
    _, document, _ = await admin("PUT", f"{draft}/texts/DE-AT/pdf", brought(pdf("two")))
    (text,) = document["content"]["texts"]
    assert text["language"] == "de-AT"
    again = content | {"texts": [text | {"language": "DE-at"}]}
    document = (await admin("PUT", draft, again))[1]
    assert document["content"]["texts"] == [text]
    await admin("POST", f"{draft}/publish", {})
    own = draft.replace("/admin", "/me")
    for path in (f"{draft}/texts/De-aT/pdf", f"{own}/file?language=DE-AT"):
        as_who = user if path.startswith("/me") else admin
        assert (await as_who("GET", path))[1].encode() == pdf("two")


@pytest.fixture
async def browser(gateway: Gateway) -> AsyncIterator[Browser]:
    async with pages(gateway) as there:
        yield there


def form(fields: Mapping[str, str], content: bytes | None = None) -> FormData:
    filled = FormData(default_to_multipart=True)
    for name, value in fields.items():
        filled.add_field(name, value)
    chosen = "" if content is None else "rules.pdf"
    # A large one is handed over as a file, since the client warns of it otherwise.
    filled.add_field(
        "pdf", io.BytesIO(content or b""), filename=chosen, content_type="application/pdf"
    )
    return filled


NEW = {
    "language": "en", "title": "House rules", "text": "", "required": "yes",
    "re_accept": "next-sign-in", "valid_days": "", "answer": "save", "version": "",
}  # fmt: skip


def frame(page: bytes) -> str:
    found = re.search(r'<object data="([^"]+)"', page.decode())
    assert found is not None
    return html.unescape(found[1])


async def publishes(ada: Browser, content: bytes, **more: str) -> str:
    """Publish a document that is a PDF, and return where admins see it."""
    status, _, headers = await ada.post("/admin/terms/new", form(NEW | more, content))
    assert status == 303
    document = headers["Location"].partition("?")[0]
    answer = form({"answer": "yes", "version": "1", "effective_at": ""})
    assert (await ada.post(f"{document}/publish", answer))[0] == 303
    return document


async def test_an_admin_brings_a_pdf_and_a_user_accepts_it_on_the_way_in(
    gateway: Gateway, browser: Browser
) -> None:
    await token_of(gateway, "kim")
    ada = browser.signed_in(await admin_token(gateway))
    document = await publishes(ada, HOSTILE)
    optional = await publishes(ada, pdf("optional"), required="")
    status, page, headers = await ada.get(f"{document}/text?language=en")
    assert "object-src 'self'" in headers["Content-Security-Policy"]
    assert frame(page) == f"{document}/file?language=en"
    status, content, headers = await ada.get(frame(page))
    assert content == HOSTILE
    runs_nowhere(headers)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"

    _, page, _ = await browser.get("/sign-in")
    name = {"user_id": "kim@halden.example", "password": OLD, "next": "/"}
    status, _, headers = await browser.post("/sign-in", FormData(name))
    assert (status, headers["Location"]) == (303, "/sign-in/terms?next=/")
    status, page, headers = await browser.get(headers["Location"])
    assert "object-src 'self'" in headers["Content-Security-Policy"]
    file = frame(page)
    status, content, headers = await browser.get(file)
    assert (status, content) == (200, HOSTILE)
    runs_nowhere(headers)
    # The sign-in opens no document that it does not wait for, and nothing to another browser.
    another = re.sub(r"id=[\w-]+", f"id={optional.rpartition('/')[2]}", file)
    assert (await browser.get(another))[0] == 404
    assert (await Browser(browser.client, gateway).get(file))[0] == 410
    accepted = {f"accept-{document.rpartition('/')[2]}": "1", "answer": "accept", "next": "/"}
    status, _, headers = await browser.post("/sign-in/terms", FormData(accepted))
    assert (status, headers["Location"]) == (303, "/")
    status, page, headers = await browser.get(document.removeprefix("/admin"))
    assert (await browser.get(frame(page)))[1] == HOSTILE
    _, _, headers = await browser.get("/terms")
    assert "object-src" not in headers["Content-Security-Policy"]


async def test_a_file_stays_until_another_or_a_text_takes_its_place(
    gateway: Gateway, browser: Browser
) -> None:
    ada = browser.signed_in(await admin_token(gateway))
    _, _, headers = await ada.post("/admin/terms/new", form(NEW, pdf("one")))
    document = headers["Location"].partition("?")[0]
    text = f"{document}/text?language=en"
    changed = NEW | {"version": "1", "title": "Rules of the house"}
    assert (await ada.post(text, form(changed)))[0] == 303
    assert (await ada.get(f"{document}/file?language=en"))[1] == pdf("one")
    assert (await ada.post(text, form(changed | {"version": "2"}, pdf("two"))))[0] == 303
    assert (await ada.get(f"{document}/file?language=en"))[1] == pdf("two")
    written = changed | {"version": "3", "text": "Be kind."}
    assert (await ada.post(text, form(written)))[0] == 303
    assert (await ada.get(f"{document}/file?language=en"))[0] == 404
    assert len(gateway.services.memory.terms.pdfs) == 0


@pytest.mark.parametrize(
    ("fields", "content", "status", "said"),
    [
        ({}, b"no PDF", 422, "This is no usable PDF"),
        ({}, pdf(size=LargestPdf), 413, "The PDF is too large"),
        ({}, pdf(size=LargestPdf + 3_000_000), 413, "That is too much at once"),
        ({"answer": "preview"}, pdf(), 422, "A file is shown once the draft is saved"),
        ({}, None, 422, "Please fill this in."),
    ],
    ids=["no PDF", "too large", "far too large", "preview", "nothing"],
)
async def test_a_form_says_what_is_wrong_with_a_file(
    gateway: Gateway,
    browser: Browser,
    fields: dict[str, str],
    content: bytes | None,
    status: int,
    said: str,
) -> None:
    ada = browser.signed_in(await admin_token(gateway))
    answered, page, _ = await ada.post("/admin/terms/new", form(NEW | fields, content))
    assert (answered, said in page.decode()) == (status, True)
    assert gateway.services.memory.terms.versions == {}


async def test_a_pdf_is_declined_on_its_own_page(gateway: Gateway, browser: Browser) -> None:
    ada = browser.signed_in(await admin_token(gateway))
    _, token = await token_of(gateway, "kim")
    document = await publishes(ada, pdf(), required="")
    kim, address = browser.signed_in(token), document.removeprefix("/admin")
    status, page, _ = await kim.get(f"{address}/decline")
    assert (status, f'action="{address}/decline"' in page.decode()) == (200, True)
    answer = FormData({"answer": "yes", "version": "1"})
    status, _, headers = await kim.post(f"{address}/decline", answer)
    assert (status, headers["Location"]) == (303, "/terms?done=declined")
