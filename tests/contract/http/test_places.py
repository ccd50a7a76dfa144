"""Where sign-ins were from, and for how long that is kept, through the gateway."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr, ValidationError

from services.gateway.forms import SessionsPolicyBody
from services.gateway.model import SignInAttempt
from services.sessions.activity import Activity
from services.sessions.policy import SessionPolicies
from shared.contracts.policy import PutSessionsPolicy
from shared.contracts.sessions import Where
from shared.lease import Lease
from tests.contract.http.gateway import CLIENT, Gateway, refused
from tests.contract.http.test_roles import api, application
from tests.contract.http.test_security_info import Kim
from tests.memory.places import BERLIN, TOKYO
from tests.memory.sessions import MemoryPolicies
from tests.unit.sessions.system import POLICY

HOME, FAR = "192.0.2.7", "198.51.100.4"


async def compare(gateway: Gateway) -> None:
    """Do what the sessions service does each second."""
    memory = gateway.services.memory
    kept = MemoryPolicies(memory.sessions)
    policies = SessionPolicies(kept, Lease(kept.policy_of, memory.clock), POLICY)
    activity = Activity(memory.sessions.activity, memory.clock, policies, memory.places)
    await activity.compare_places()


async def got(gateway: Gateway, token: str, path: str, language: str = "en") -> Any:
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
    app = application(gateway, api(gateway).operations())
    async with TestClient(TestServer(app), headers=headers) as client:
        answer = await client.get(f"/api/v1{path}")
        return await answer.json() if "export" not in path else await answer.text()


async def test_each_reads_where_it_was_in_their_language_and_why_it_is_flagged(
    gateway: Gateway,
) -> None:
    gateway.services.memory.places.by_address |= {HOME: BERLIN, FAR: TOKYO}
    await gateway.add("kim")
    kim = await gateway.caller("kim")
    elsewhere = SignInAttempt("kim@halden.example", SecretStr("no"), Where(address=FAR), CLIENT)
    gateway.services.memory.clock.advance(1800)
    await refused(gateway.sign_in.begin(elsewhere))
    await compare(gateway)
    far, home = (await got(gateway, kim.token, "/me/sign-ins"))["items"]
    assert (home["place"], home["flags"]) == ("Berlin, Germany", ["new-device"])
    assert far["place"] == "Tokyo, Japan"
    assert far["flags"] == ["new-device", "new-place", "impossible-travel"]
    assert far["flagged"]
    assert "place_names" not in far
    german = (await got(gateway, kim.token, "/me/sign-ins?search=tokio", "de-AT"))["items"]
    assert [each["place"] for each in german] == ["Tokio, Japan"]
    assert "Tokio, Japan" in await got(gateway, kim.token, "/me/sign-ins/export", "de")
    (device,) = (await got(gateway, kim.token, "/me/devices", "de"))["items"]
    assert device["place"] == "Berlin, Deutschland"
    for path in ("/me/sign-ins", "/me/devices"):
        assert "52.5" not in str(await got(gateway, kim.token, path))


def test_activity_is_kept_from_a_week_to_ten_years() -> None:
    times = {"idle_minutes": 60, "lifetime_hours": 24}
    for days in (7, 3650):
        SessionsPolicyBody.model_validate({**times, "activity_days": days})
    for days in (6, 3651):
        with pytest.raises(ValidationError):
            SessionsPolicyBody.model_validate({**times, "activity_days": days})


async def test_rows_are_kept_as_long_as_their_organization_says(gateway: Gateway) -> None:
    admin, rows = await gateway.admin(), gateway.services.memory.sessions.activity.rows
    kim = await Kim.added(gateway)
    assert (await gateway.policies.session_times(admin)).activity_days == 90
    await gateway.policies.put_session_times(
        admin, idle_minutes=60, lifetime_hours=24, activity_days=7
    )
    caller = await gateway.caller("kim")
    assert await gateway.activity.kept_days(caller) == 7
    await refused(gateway.begin("kim", "wrong"))
    await kim.authenticator(caller)
    await refused(kim.answer(await kim.challenged(), SecretStr("000000")))
    kept = {each.attempt.outcome: each.attempt for each in rows.values()}
    assert set(kept) == {"signed-in", "wrong-password", "second-factor-failed"}
    assert {each.kept_seconds for each in kept.values()} == {7 * 24 * 3600}
    # Whoever knows nothing of it leaves it as it is.
    put = PutSessionsPolicy(organization="halden", idle_minutes=5, lifetime_hours=1)
    assert (await gateway.services.sessions.put_policy(put)).activity_days == 7
