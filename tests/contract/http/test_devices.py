"""Devices through the gateway: who disables them, who is refused there, and who enables them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.errors import ConfirmationRequired, StepUpRequired
from services.gateway.model import ActionRequired, Caller, SignedIn
from services.gateway.requests import DEVICE_COOKIE
from services.gateway.step_up import RecentMinutes
from shared.contracts.credentials import Verified, VerifyPassword
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Revoked
from tests.contract.http.gateway import OLD, WHERE, Gateway, key, refused
from tests.contract.http.pages import pages
from tests.contract.http.test_passkeys import Kim as KimWithPasskey
from tests.contract.http.test_policy import BOTH
from tests.contract.http.test_roles import api, application
from tests.contract.http.test_security_info import Kim
from tests.contract.http.trusting import allow, trusting

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    async with TestClient(TestServer(application(gateway, api(gateway).operations()))) as made:
        yield made


async def first_device(gateway: Gateway) -> tuple[Caller, str]:
    """Sign Kim in, and return the session with the key of its device."""
    signed_in = await gateway.begin("kim")
    assert isinstance(signed_in, SignedIn)
    assert signed_in.device.key is not None
    return await gateway.acceptance.accept(signed_in.token, WHERE), signed_in.device.key


async def signed_in(gateway: Gateway, name: str, *keys: str) -> SignedIn:
    outcome = await gateway.begin(name, keys=keys)
    assert isinstance(outcome, SignedIn)
    return outcome


async def disable(gateway: Gateway, caller: Caller, device: str) -> Revoked:
    return await gateway.devices.disable(caller, device, confirmed=True)


async def ask(
    client: Client, method: str, path: str, token: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    shown = {"Authorization": f"Bearer {token}", **headers}
    async with client.request(method, f"/api/v1{path}", json=body, headers=shown) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def test_the_api_lists_disables_and_answers_again(kim: Kim, client: Client) -> None:
    here, _ = await first_device(kim.gateway)
    there = await kim.gateway.caller("kim")
    status, listed = await ask(client, "GET", "/me/devices?limit=1", here.token)
    assert (status, len(listed["items"])) == (200, 1)
    _, rest = await ask(client, "GET", f"/me/devices?after={listed['next']}", here.token)
    first, second = listed["items"] + rest["items"]
    assert rest["next"] is None
    assert [first["current"], second["current"]] == [False, True]
    assert set(first) == {
        "id", "name", "browser", "system", "first_seen_at", "last_seen_at", "current",
        "place", "trusted_until",
    }  # fmt: skip
    path = f"/me/devices/{there.session.device_id}/disable"
    for unconfirmed in ({}, {"confirm": False}):
        status, problem = await ask(client, "POST", path, here.token, unconfirmed)
        assert (status, problem["type"]) == (422, "/problems/confirmation-required")
    again = {"Idempotency-Key": "once"}
    status, given = await ask(client, "POST", path, here.token, {"confirm": True}, **again)
    assert (status, set(given)) == (202, {"receipt", "receipt_token"})
    assert await ask(client, "POST", path, here.token, {"confirm": True}, **again) == (202, given)
    status, problem = await ask(client, "POST", path, here.token, {"confirm": True})
    assert (status, problem["type"]) == (404, "/problems/not-found")
    status, receipt = await ask(client, "GET", f"/me/receipts/{given['receipt']}", here.token)
    assert (receipt["cause"], receipt["completed_at"] is None) == ("device-disabled", False)
    assert [each["sid"] for each in receipt["sessions"]] == [there.session.sid]
    assert (await refused(kim.again(there))).extra == {"cause": "device-disabled"}
    _, left = await ask(client, "GET", "/me/devices", here.token)
    assert [each["id"] for each in left["items"]] == [second["id"]]


async def test_the_device_one_is_at_can_be_disabled_too(kim: Kim, client: Client) -> None:
    here, _ = await first_device(kim.gateway)
    path = f"/me/devices/{here.session.device_id}/disable"
    status, given = await ask(client, "POST", path, here.token, {"confirm": True})
    assert status == 202
    assert (await refused(kim.again(here))).type == "session-revoked"
    shown = {"Receipt-Token": given["receipt_token"]}
    async with client.get(f"/api/v1/me/receipts/{given['receipt']}", headers=shown) as answer:
        assert answer.status == 200


async def test_nobody_sees_or_disables_somebody_elses_device(gateway: Gateway, kim: Kim) -> None:
    here, _ = await first_device(gateway)
    await gateway.add("lou")
    lou = await gateway.caller("lou")
    device = here.session.device_id
    for asked in (gateway.devices.one(lou, device), disable(gateway, lou, device)):
        assert (await refused(asked)).type == "not-found"
    assert device not in {each.listed.id for each in (await gateway.devices.list(lou)).items}
    await kim.again(here)


async def test_a_disabled_device_is_refused_once_the_password_was_right_and_not_before(
    gateway: Gateway, kim: Kim
) -> None:
    here, device_key = await first_device(gateway)
    await disable(gateway, here, here.session.device_id)
    wrong = await refused(gateway.begin("kim", "not the password", device_key))
    stranger = await refused(gateway.begin("kim", "not the password"))
    assert (wrong.type, wrong.extra, wrong.errors) == (
        stranger.type, stranger.extra, stranger.errors,
    )  # fmt: skip
    right = await refused(gateway.begin("kim", OLD, device_key))
    assert (right.type, right.status) == ("device-disabled", 403)
    assert right.extra["helpdesk"]["name"] == (await gateway.account.person(here)).helpdesk.name
    # Without the key it is a new device, and somebody else is not kept from theirs.
    assert isinstance(await gateway.begin("kim"), SignedIn)
    await gateway.add("lou")
    assert isinstance(await gateway.begin("lou", key=device_key), SignedIn)


async def test_whoever_else_signs_in_on_a_browser_leaves_its_other_devices_as_they_are(
    gateway: Gateway, kim: Kim
) -> None:
    here, kims = await first_device(gateway)
    await gateway.add("lou")
    lous = (await signed_in(gateway, "lou", kims)).device
    assert lous.key is not None
    both = (lous.key, kims)
    again = (await signed_in(gateway, "kim", *both)).device
    assert (again.id, again.key) == (here.session.device_id, None)
    assert (await signed_in(gateway, "lou", *both)).device.id == lous.id
    for number in range(10):
        await refused(gateway.begin("kim", f"a stranger's guess {number}"))
    assert (await refused(gateway.begin("kim"))).type == "sign-in-throttled"
    await signed_in(gateway, "kim", *both)
    await disable(gateway, here, here.session.device_id)
    kim.pass_time(60)
    refusal = await refused(gateway.begin("kim", keys=both))
    assert refusal.type == "device-disabled"
    await signed_in(gateway, "lou", *both)


async def test_of_one_device_a_service_of_the_version_before_is_told_as_ever(
    gateway: Gateway, kim: Kim, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, device_key = await first_device(gateway)
    verify, sent = CredentialsClient.verify, list[dict[str, Any]]()

    async def noted(client: CredentialsClient, asked: VerifyPassword) -> Verified:
        sent.append(asked.model_dump(exclude_defaults=True))
        return await verify(client, asked)

    monkeypatch.setattr(CredentialsClient, "verify", noted)
    await signed_in(gateway, "kim", device_key)
    assert sent[0]["familiar_sub"] == here.sub
    assert "also_familiar" not in sent[0]


async def test_a_browser_keeps_the_keys_of_all_who_signed_in_there(gateway: Gateway) -> None:
    for name in ("kim", "lou"):
        await gateway.add(name)
    async with pages(gateway) as browser:
        kept = ""
        for name in ("kim", "lou", "kim", "lou"):
            browser.cookies = {DEVICE_COOKIE: kept, "__Host-csrf": "c" * 43}
            form = FormData({"user_id": f"{name}@halden.example", "password": OLD, "next": "/"})
            assert (await browser.post("/sign-in", form))[0] == 303
            kept = browser.cookies[DEVICE_COOKIE]
        assert len(set(kept.split("."))) == len(kept.split(".")) == 2
        assert len(gateway.services.memory.sessions.devices) == 2


async def test_who_has_a_second_factor_shows_it_before_they_are_refused(kim: Kim) -> None:
    gateway = kim.gateway
    here, device_key = await first_device(gateway)
    setup = await kim.authenticator(here)
    waiting = await kim.challenged(device_key=device_key)
    half_done = await kim.challenged(device_key=device_key)
    await disable(gateway, await kim.signed_in(setup), here.session.device_id)
    assert (await refused(kim.answer(half_done, SecretStr("000000")))).type == "code-refused"
    assert (await refused(kim.answer(waiting, kim.code(setup)))).type == "device-disabled"
    kim.pass_time(60)
    late = await kim.challenged(device_key=device_key)
    assert (await refused(kim.answer(late, kim.code(setup)))).type == "device-disabled"


async def test_a_passkey_signs_nobody_in_there_either(gateway: Gateway) -> None:
    kim = await KimWithPasskey.added(gateway)
    signed_in = await gateway.sign_in.with_passkey(await kim.attempt())
    assert isinstance(signed_in, SignedIn)
    here = await gateway.acceptance.accept(signed_in.token, WHERE)
    await disable(gateway, here, here.session.device_id)
    again = await kim.attempt(device_key=signed_in.device.key)
    assert (await refused(gateway.sign_in.with_passkey(again))).type == "device-disabled"


async def test_nothing_is_registered_from_there(gateway: Gateway, kim: Kim) -> None:
    here, device_key = await first_device(gateway)
    await gateway.policies.put_methods(
        await gateway.admin(), allowed=BOTH, second_factor="required", trust_days=0
    )
    half_done = await gateway.begin("kim", key=device_key)
    assert isinstance(half_done, ActionRequired)
    await disable(gateway, here, here.session.device_id)
    for asked in (
        gateway.registration.begin(key(half_done), "A stranger's phone"),
        gateway.begin("kim", key=device_key),
    ):
        assert (await refused(asked)).type == "device-disabled"
    assert (await gateway.begin("kim")) is not None
    assert gateway.services.memory.methods.by_sub.get(here.sub) is None


async def test_disabling_takes_a_moment_ago_and_the_factor_that_there_is(kim: Kim) -> None:
    gateway = kim.gateway
    here, device_key = await first_device(gateway)
    device = here.session.device_id
    with pytest.raises(ConfirmationRequired):
        await gateway.devices.disable(here, device, confirmed=False)
    kim.pass_time(RecentMinutes * 60 + 1)
    with pytest.raises(StepUpRequired) as late:
        await disable(gateway, await kim.again(here), device)
    assert late.value.extra == {"needs": "reauthentication"}
    await gateway.step_ups.by_password(here, SecretStr(OLD), "security-info")
    setup = await kim.authenticator(await kim.again(here))
    await allow(gateway)
    trusted = await trusting(kim, setup, device_key)
    assert not await trusted.is_asked()
    by_trust = await gateway.caller("kim", device_key=device_key)
    with pytest.raises(StepUpRequired) as alone:
        await disable(gateway, by_trust, device)
    assert alone.value.extra["needs"] == "mfa"
    await kim.again(here)


async def test_a_device_says_until_when_it_is_trusted_as_long_as_it_is(kim: Kim) -> None:
    gateway = kim.gateway
    here, device_key = await first_device(gateway)
    await allow(gateway, 30)
    setup = await kim.authenticator(here)
    await trusting(kim, setup, device_key)

    async def until() -> float | None:
        seen = await gateway.devices.one(here, here.session.device_id)
        if seen.trusted_until is None:
            return None
        left = seen.trusted_until - gateway.services.memory.clock.now()
        return round(left.total_seconds() / 86400)

    assert await until() == 30
    await allow(gateway, 7)
    assert await until() == 7
    kim.pass_time(8 * 86400)
    assert await until() is None
    await allow(gateway, 30)
    assert await until() == 22
    await allow(gateway, 0)
    assert await until() is None
    await allow(gateway, 30)
    assert await until() is None


async def test_an_admin_sees_and_enables_the_devices_of_their_own_people(
    gateway: Gateway, kim: Kim
) -> None:
    here, device_key = await first_device(gateway)
    device = here.session.device_id
    await disable(gateway, here, device)
    admin = await gateway.admin()
    stranger = await gateway.add("zoe", organization="elsewhere", roles=("admin",))
    for asked in (
        gateway.devices.of_user(stranger, here.sub),
        gateway.devices.enable(stranger, device),
        gateway.devices.enable(admin, "no-such-device"),
        gateway.devices.of_user(admin, "nobody"),
    ):
        assert (await refused(asked)).type == "not-found"
    (shown,) = (await gateway.devices.of_user(admin, here.sub)).items
    assert (shown.listed.id, shown.listed.disabled_at is None) == (device, False)
    assert (await gateway.devices.list(here)).items == ()
    assert await gateway.devices.enable(admin, device) == here.sub
    again = await gateway.begin("kim", key=device_key)
    assert isinstance(again, SignedIn)
    assert again.device.id == device


async def test_of_many_sign_ins_on_a_device_none_stays_when_it_is_disabled(
    gateway: Gateway, kim: Kim
) -> None:
    here, device_key = await first_device(gateway)
    device = here.session.device_id
    outcomes = await asyncio.gather(
        *(gateway.begin("kim", key=device_key) for _ in range(6)),
        disable(gateway, here, device),
        *(gateway.begin("kim", key=device_key) for _ in range(6)),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if isinstance(outcome, SignedIn):
            ended = gateway.acceptance.accept(outcome.token, WHERE)
            assert (await refused(ended)).extra == {"cause": "device-disabled"}
        elif isinstance(outcome, Refusal):
            assert outcome.type == "device-disabled"
    kept = gateway.services.memory.sessions.kept.values()
    assert all(each.ended_by is not None for each in kept)


async def test_a_device_has_a_name_that_can_be_read_or_none(kim: Kim, client: Client) -> None:
    known = {"user_id": "kim@halden.example", "password": OLD}
    for name, status in (
        ("a\0b", 422), ("a\nb", 422), ("\u202egnp", 422), ("\u200b", 422), (" ", 422),
        ("x" * 101, 422), ("", 200), ("Kims Küchen-Tablet 🍳", 200),
    ):  # fmt: skip
        body = known | {"device_name": name}
        async with client.post("/api/v1/sign-in", json=body) as answer:
            assert answer.status == status, name
