"""Terms are read in the language that the browser asks for, on a page as over the API."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from services.gateway.requests import SESSION_COOKIE
from shared.contracts.policy import PortalPolicy
from shared.contracts.profile import Helpdesk
from shared.contracts.terms import TermsText
from tests.contract.http.gateway import Gateway
from tests.contract.http.pages import pages
from tests.contract.http.test_roles import api, application, token_of
from tests.contract.http.test_terms import Halden, halden

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
