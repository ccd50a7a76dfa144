"""Every page that somebody gets to by the portal's own links is there."""

from tests.contract.http.gateway import Gateway
from tests.contract.http.pages import pages
from tests.contract.http.test_roles import admin_token, token_of

OWN = ("/", "/sessions", "/devices", "/activity", "/password", "/security", "/receipts", "/terms")
ADMINS = ("/admin", "/admin/users", "/admin/terms", "/admin/terms/new", "/admin/import")


async def test_the_pages_are_shown_to_whom_they_are_for(gateway: Gateway) -> None:
    _, token = await token_of(gateway, "kim")
    async with pages(gateway) as browser:
        kim, ada = browser.signed_in(token), browser.signed_in(await admin_token(gateway))
        answered = {path: (await kim.get(path))[0] for path in (*OWN, *ADMINS)}
        assert answered == dict.fromkeys(OWN, 200) | dict.fromkeys(ADMINS, 403)
        answered = {path: (await ada.get(path))[0] for path in (*OWN, *ADMINS)}
        assert answered == dict.fromkeys((*OWN, *ADMINS), 200)


async def test_the_first_page_says_when_the_password_was_set(gateway: Gateway) -> None:
    _, token = await token_of(gateway, "kim")
    async with pages(gateway) as browser:
        _, page, _ = await browser.signed_in(token).get("/")
    assert 'Last set on <time datetime="2026-03-01T12:00:00+00:00"' in " ".join(
        page.decode().split()
    )
