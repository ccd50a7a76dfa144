"""Terms are read in the language that the browser asks for, on a page as over the API."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from services.gateway.portal.admin_terms_pages import ADDRESS
from services.gateway.requests import SESSION_COOKIE
from shared.contracts.policy import PortalPolicy
from shared.contracts.profile import Helpdesk
from shared.contracts.terms import TermsText
from tests.contract.http.gateway import Gateway
from tests.contract.http.pages import pages
from tests.contract.http.test_roles import admin_token, api, application, token_of
from tests.contract.http.test_terms import Halden, content, halden

__all__ = ["halden"]


@pytest.mark.parametrize(
    ("wanted", "language", "title"),
    [
        ("en", "en", "<i>House</i> {rules}"),
        ("de-AT", "de", "Hausordnung"),
        ("fr", "en", "<i>House</i> {rules}"),
    ],
)
async def test_a_page_and_the_api_choose_the_same_text(
    gateway: Gateway, halden: Halden, wanted: str, language: str, title: str
) -> None:
    texts = (
        TermsText(language="en", title="<i>House</i> {rules}", text="Be kind."),
        TermsText(language="de", title="Hausordnung", text="Sei freundlich."),
    )
    document = await halden.publish(texts=texts, required=False)
    _, token = await token_of(gateway, "jan", preferred_language="de")
    app, headers = application(gateway, api(gateway).operations()), {"Accept-Language": wanted}
    async with TestClient(TestServer(app), headers=headers) as client:
        shown = {"Authorization": f"Bearer {token}"}
        answered = await client.get(f"/api/v1/me/terms/{document.id}", headers=shown)
        read = await answered.json()
    assert (read["language"], read["title"]) == (language, title)
    async with pages(gateway) as browser:
        shown = headers | {"Cookie": f"{SESSION_COOKIE}={token}"}
        address, written = f"/terms/{document.id}", title.replace("<", "&lt;").replace(">", "&gt;")
        for path, marked in (
            (address, f'<h1 lang="{language}">{written}</h1>'),
            ("/terms", f'<strong lang="{language}">{written}</strong>'),
            (f"{address}/decline", f'<h1>Ablehnen: <span lang="{language}">{written}</span>?</h1>'),
        ):
            page = await (await browser.client.get(path, headers=shown)).text()
            assert ('<html lang="de">' in page, marked in page) == (True, True), path


@pytest.mark.parametrize(
    ("wanted", "published", "drafted"),
    [
        ("en-GB", "House rules", "House rules"),
        ("de-AT", "Hausordnung", "Hausordnung"),
        ("it", "Règles", "House rules"),
    ],
)
async def test_an_admin_reads_titles_in_the_language_that_users_do(
    gateway: Gateway, halden: Halden, wanted: str, published: str, drafted: str
) -> None:
    cookie = f"{SESSION_COOKIE}={await admin_token(gateway)}"
    titles = {"fr": "Règles", "de": "Hausordnung", "en": "House rules"}
    texts = [TermsText(language=tag, title=said, text="Text.") for tag, said in titles.items()]
    document = await halden.publish(texts=tuple(texts), required=False)
    draft = content(texts=tuple(reversed(texts)), required=False)
    await halden.writing.put_draft(halden.admin, document.id, draft)
    headers, one = {"Accept-Language": wanted, "Cookie": cookie}, f"{ADDRESS}/{document.id}"
    async with pages(gateway) as browser:
        for path, marked in (
            (ADDRESS, f"<strong>{drafted}</strong>"),
            (one, f"<h1>{drafted}</h1>"),
            (one, f"<span>{published}</span>"),
            (f"{one}/settings", f'<p class="lead">{drafted}</p>'),
            (f"{one}/text", f'<p class="lead">{drafted}</p>'),
            (f"{one}/publish", f'<p class="lead">{drafted}, '),
            (f"{one}/acceptances", f'<p class="lead">{drafted}, '),
        ):
            page = await (await browser.client.get(path, headers=headers)).text()
            assert marked in page, (path, marked)


@pytest.mark.parametrize(
    ("desk", "said"),
    [
        (Helpdesk(name="Front desk", phone="112"), ["talk to Front desk:", "tel:112"]),
        (Helpdesk(phone="112"), ["<h2>Your helpdesk</h2>", "tel:112"]),
        (Helpdesk(), []),
    ],
)
async def test_who_may_decline_reads_whom_to_talk_to(
    gateway: Gateway, halden: Halden, desk: Helpdesk, said: list[str]
) -> None:
    document = await halden.publish()
    await gateway.policies.put_portal(halden.admin, PortalPolicy(helpdesk=desk), (0,))
    async with pages(gateway) as browser:
        kim = browser.signed_in(halden.caller.token)
        _, page, _ = await kim.get(f"/terms/{document.id}/decline")
    told = ("talk to Front desk:", "<h2>Your helpdesk</h2>", "tel:112")
    assert [each for each in told if each in page.decode()] == said
