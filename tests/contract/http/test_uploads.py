"""Forms with files, as browsers do not send them: refused as any other that cannot be read."""

import pytest

from tests.contract.http.gateway import Gateway
from tests.contract.http.pages import Browser, pages
from tests.contract.http.test_roles import admin_token, token_of

FORMS = ("/admin/terms/new", "/admin/import")


async def send(browser: Browser, path: str, head: bytes) -> tuple[int, str]:
    """Send a form of one part with this head."""
    body = b"--x\r\n" + head + b"\r\n\r\nBe kind.\r\n--x--\r\n"
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items()),
        "Accept": "text/html",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    async with browser.client.post(path, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="pdf"; filename="a\x00.pdf"',
        b"no colon",
        b": x",
        b'Content-Disposition: form-data; name="pdf"; filename="' + b"a" * 20_000 + b'"',
        b"X: " + b"\r\nX: ".join([b"x"] * 500),
        b"Content-Disposition: attachment",
    ],
    ids=["null", "no colon", "no name", "long", "many", "no field"],
)
async def test_a_part_that_cannot_be_read_is_refused(gateway: Gateway, head: bytes) -> None:
    _, token = await token_of(gateway, "kim")
    async with pages(gateway) as browser:
        ada, kim = browser.signed_in(await admin_token(gateway)), browser.signed_in(token)
        for path in FORMS:
            status, page = await send(ada, path, head)
            assert (status, "This could not be read" in page) == (400, True)
            # Whoever is no admin learns nothing of how it was read.
            assert (await send(kim, path, head))[0] == 403
