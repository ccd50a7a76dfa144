"""A step that a sign-in does not wait for changes nothing, and is told from one that is over."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from services.gateway.portal.sign_in_pages import (
    CHALLENGE,
    CONFIRM,
    FIRST_PASSWORD,
    REGISTER,
    REGISTER_FOR_RESET,
    TERMS,
)
from tests.contract.http.gateway import NEW, OLD, Gateway
from tests.contract.http.pages import Browser, pages
from tests.contract.http.test_roles import api, application
from tests.contract.http.test_security_info import Kim

Client = TestClient[web.Request, web.Application]

METHOD = ("method", {"method_id": "x" * 16})
ANSWER = ("answer", {"code": "123456"})
PASSWORD = ("action", {"new_password": NEW})
OTHER_ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("action", {"method": {"kind": "authenticator", "label": "Phone"}}),
    ("action", {"method_id": "x" * 16, "code": "123456"}),
    ("action", {"confirm": True}),
    ("action", {"skip": True}),
    ("action", {"register_now": True}),
    ("action", {"terms": [{"id": "x" * 16, "version": 1}]}),
    ("action", {"decline": True}),
]


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    app = application(gateway, api(gateway).operations())
    async with TestClient(TestServer(app)) as there:
        yield there


async def sent(
    client: Client, path: str, body: Mapping[str, Any], agent: str = "own"
) -> tuple[int, dict[str, Any]]:
    headers = {"User-Agent": agent}
    async with client.post(f"/api/v1/sign-in{path}", json=body, headers=headers) as answered:
        return answered.status, await answered.json(content_type=None)


async def step(
    client: Client, flow: str, taken: tuple[str, dict[str, Any]], agent: str = "own"
) -> tuple[int, dict[str, Any]]:
    """Return how a step is answered, but for the address, which names the flow."""
    status, said = await sent(client, f"/{flow}/{taken[0]}", taken[1], agent)
    return status, {name: each for name, each in said.items() if name != "instance"}


async def refuses(client: Client, flow: str, steps: list[tuple[str, dict[str, Any]]]) -> None:
    """Hold the steps against one that waits for another, somebody else's, and none at all."""
    for each in steps:
        status, said = await step(client, flow, each)
        assert (status, said["type"]) == (409, "/problems/flow-out-of-order"), each
        assert said["title"] == "This sign-in waits for something else"
        stolen = await step(client, flow, each, "somebody else's")
        assert (stolen[0], stolen[1]["type"]) == (410, "/problems/flow-ended"), each
        assert await step(client, "x" * 22, each) == stolen


async def begun(client: Client, name: str) -> dict[str, Any]:
    status, said = await sent(client, "", {"user_id": f"{name}@halden.example", "password": OLD})
    assert status == 200
    return said


async def test_while_it_waits_for_a_code_it_waits_for_nothing_else(
    gateway: Gateway, client: Client
) -> None:
    kim = await Kim.added(gateway)
    setup = await kim.authenticator(await gateway.caller("kim"))
    flow = (await begun(client, "kim"))["flow"]
    await refuses(client, flow, [PASSWORD, *OTHER_ACTIONS])
    right = ("answer", {"code": kim.code(setup).get_secret_value()})
    status, said = await step(client, flow, right)
    assert (status, said["state"]) == (200, "complete")
    for each in (PASSWORD, ANSWER, METHOD, *OTHER_ACTIONS):
        status, said = await step(client, flow, each)
        assert (status, said["type"]) == (410, "/problems/flow-ended"), each


async def test_while_it_waits_for_a_password_it_waits_for_nothing_else(
    gateway: Gateway, client: Client
) -> None:
    await gateway.add("noor", temporary=True)
    flow = (await begun(client, "noor"))["flow"]
    await refuses(client, flow, [ANSWER, METHOD, *OTHER_ACTIONS])
    status, said = await step(client, flow, PASSWORD)
    assert (status, said["state"]) == (200, "complete")


async def enters(browser: Browser, name: str) -> str:
    """Begin to sign in on the pages; return the address of what comes next."""
    await browser.get("/sign-in")
    form = {"user_id": f"{name}@halden.example", "password": OLD, "next": "/devices"}
    status, _, headers = await browser.post("/sign-in", FormData(form))
    assert status == 303
    return headers["Location"]


async def test_a_page_leads_from_any_other_step_to_the_challenge(gateway: Gateway) -> None:
    kim = await Kim.added(gateway)
    setup = await kim.authenticator(await gateway.caller("kim"))
    async with pages(gateway) as browser:
        challenge = await enters(browser, "kim")
        assert challenge == f"{CHALLENGE}?next=/devices"
        for address in (FIRST_PASSWORD, REGISTER, REGISTER_FOR_RESET, TERMS, CONFIRM):
            status, _, headers = await browser.get(f"{address}?next=/devices")
            assert (status, headers["Location"]) == (303, challenge), address
        typed = {"new_password": NEW, "repeated": NEW}
        status, _, headers = await browser.post(f"{FIRST_PASSWORD}?next=/devices", FormData(typed))
        assert (status, headers["Location"]) == (303, challenge)
        code = {"code": kim.code(setup).get_secret_value(), "next": "/devices"}
        status, _, headers = await browser.post(CHALLENGE, FormData(code))
        assert (status, headers["Location"]) == (303, "/devices")


async def test_a_page_leads_from_a_challenge_to_what_is_to_be_done(gateway: Gateway) -> None:
    await gateway.add("noor", temporary=True)
    async with pages(gateway) as browser:
        action = await enters(browser, "noor")
        assert action == f"{FIRST_PASSWORD}?next=/devices"
        for address in (CHALLENGE, f"{CHALLENGE}/method", TERMS):
            form = FormData({"code": "123456", "method": "x", "answer": "decline"})
            status, _, headers = await browser.post(f"{address}?next=/devices", form)
            assert (status, headers["Location"]) == (303, f"{CHALLENGE}?next=/devices"), address
        status, _, headers = await browser.get(f"{CHALLENGE}?next=/devices")
        assert (status, headers["Location"]) == (303, action)
        assert (await browser.get(action))[0] == 200


async def test_a_page_says_of_a_sign_in_that_is_over_that_it_is(gateway: Gateway) -> None:
    await gateway.add("noor", temporary=True)
    async with pages(gateway) as browser:
        action = await enters(browser, "noor")
        gateway.services.memory.clock.advance(600)
        status, page, _ = await browser.get(action)
        assert (status, b"This sign-in is over" in page) == (410, True)
        assert browser.cookies["__Host-flow"] == ""
