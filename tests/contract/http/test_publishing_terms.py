"""Publishing terms of use, which cannot be taken back: only at a time that was meant."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData

from services.gateway.portal.admin_terms_pages import ADDRESS
from shared.clock import SystemClock
from tests.contract.http.gateway import Gateway
from tests.contract.http.pages import Browser, pages
from tests.contract.http.test_roles import admin_token
from tests.contract.http.test_terms_api import BODY, Api, admin, opened

__all__ = ["admin", "opened"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("20270131", "wrong-format"),
        ("1797000000", "wrong-format"),
        ("2099-01-31", "wrong-format"),
        ("2099-01-31T18:00:00", "wrong-format"),
        ("2099-02-30T18:00:00Z", "wrong-format"),
        ("2099-01-31T18:00:00+99:00", "wrong-format"),
        ("0001-01-01T00:00:00+14:00", "wrong-format"),
        ("9999-12-31T23:59:59-12:00", "wrong-format"),
        ("", "wrong-format"),
        (12345, "wrong-type"),
        (4070908800.5, "wrong-type"),
        (True, "wrong-type"),
    ],
)
async def test_what_is_no_time_publishes_nothing(admin: Api, said: Any, reason: str) -> None:
    _, document, _ = await admin("POST", "/admin/terms", BODY)
    path = f"/admin/terms/{document['id']}"
    status, problem, _ = await admin("POST", f"{path}/publish", {"effective_at": said})
    assert (status, problem["type"]) == (422, "/problems/invalid-request")
    fault = problem["errors"][0]
    assert (fault["field"], fault["reason"]) == ("effective_at", reason)
    assert (await admin("GET", path))[1]["versions"] == []


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2099-01-31T18:00:00Z", "2099-01-31T18:00:00Z"),
        ("2099-01-31t18:00:00.25+05:30", "2099-01-31T12:30:00.250000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
async def test_a_time_is_kept_in_utc(admin: Api, said: str, at: str) -> None:
    _, document, _ = await admin("POST", "/admin/terms", BODY)
    path = f"/admin/terms/{document['id']}/publish"
    status, published, _ = await admin("POST", path, {"effective_at": said})
    assert (status, published["current"]) == (200, None)
    assert published["versions"][0]["effective_at"] == at


@pytest.fixture
async def ada(gateway: Gateway) -> AsyncIterator[Browser]:
    # The pages go by the time that it is, and the services by that of the test.
    gateway.services.memory.clock.started = SystemClock().now()
    async with pages(gateway) as there:
        yield there.signed_in(await admin_token(gateway))


NEW = {
    "language": "en", "title": "House rules", "text": "Be kind.", "re_accept": "no",
    "answer": "save",
}  # fmt: skip


async def drafted(ada: Browser) -> str:
    status, _, headers = await ada.post(f"{ADDRESS}/new", FormData(NEW))
    assert status == 303
    return headers["Location"].partition("?")[0]


async def publish(ada: Browser, document: str, version: int, at: str) -> tuple[int, str, str]:
    said = {"answer": "yes", "version": f"{version}", "effective_at": at}
    status, page, headers = await ada.post(f"{document}/publish", FormData(said))
    return status, page.decode(), headers.get("Location", "").partition("?done=")[2]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0001-01-01 00:00", "This time is past."),
        ("2026-01-31", "This time is past."),
        ("20270131", "It is not written the way it has to be here."),
        ("tomorrow", "It is not written the way it has to be here."),
    ],
)
async def test_a_time_that_cannot_be_meant_is_said_on_the_page(
    ada: Browser, typed: str, said: str
) -> None:
    document = await drafted(ada)
    status, page, _ = await publish(ada, document, 1, typed)
    assert (status, said in page, f'value="{typed}"' in page) == (422, True, True)
    assert await publish(ada, document, 1, "2099-01-31 18:00") == (303, "", "scheduled")


async def test_what_is_in_force_by_now_is_not_said_to_wait(ada: Browser) -> None:
    a_moment_ago = SystemClock().now() - timedelta(seconds=5)
    typed = f"{a_moment_ago:%Y-%m-%dT%H:%M:%SZ}"
    status, _, done = await publish(ada, await drafted(ada), 1, typed)
    assert (status, done) == (303, "published")


async def test_a_version_that_another_overtook_is_not_said_to_come(ada: Browser) -> None:
    document, overtaken = await drafted(ada), b"Replaced before it came into force"
    await publish(ada, document, 1, "2098-01-31 18:00")
    assert overtaken not in (await ada.get(document))[1]
    text = NEW | {"version": "2"}
    assert (await ada.post(f"{document}/text?language=en", FormData(text)))[0] == 303
    await publish(ada, document, 3, "")
    page = (await ada.get(document))[1]
    assert (page.count(overtaken), b"2098" in page) == (1, False)
    assert page.count(b"In force from") == 1
