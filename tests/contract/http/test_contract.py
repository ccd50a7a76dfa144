"""The HTTP contract from both sides: the gateway's clients against each service's application."""

from collections.abc import Coroutine
from dataclasses import dataclass, fields
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.organizations import OrganizationsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.personal_data import ErasureClient, PersonalDataClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.clients.terms import TermsClient
from shared.contracts.credentials import CheckPassword, EnrollAccount, VerifyPassword
from shared.contracts.profile import AddPerson, GetPerson, PutOrganization, PutPhoto
from shared.contracts.refusals import Refusal, Unavailable
from shared.contracts.sessions import (
    EndSession,
    Introspect,
    ReadReceipt,
    RecogniseDevice,
    SignOutEverywhere,
)
from shared.contracts.users import ReadUser
from tests.contract.http.credentials_calls import CREDENTIALS_CALLS, NEW, OLD, change, verify
from tests.contract.http.erasing import ERASURE_CALLS, ERASURE_READS
from tests.contract.http.organization_calls import ORGANIZATION_CALLS, ORGANIZATION_READS
from tests.contract.http.profile_calls import PNG, PROFILE_CALLS, record
from tests.contract.http.reset_calls import RESET_CALLS
from tests.contract.http.services import KEY, Calls, Memory, Services
from tests.contract.http.sessions_calls import SESSIONS_CALLS, establish, introspect
from tests.contract.http.terms_calls import TERMS_CALLS, TERMS_READS

CALLS: Calls = {
    **PROFILE_CALLS,
    **CREDENTIALS_CALLS,
    **SESSIONS_CALLS,
    **RESET_CALLS,
    **TERMS_CALLS,
    **ERASURE_CALLS,
    **ORGANIZATION_CALLS,
}
each_call = pytest.mark.parametrize(("service", "path"), CALLS, ids=lambda part: part.strip("/"))


@pytest.fixture
async def peopled(services: Services) -> Services:
    """Give the services Ada, with an account and a photo, and Noor on her first day."""
    await services.profile.put_organization(PutOrganization(id="halden", name="Halden"))
    ada = await services.profile.add(record("ada@example.org"))
    await services.profile.put_photo(PutPhoto(sub=ada.sub, image=PNG))
    for sub, user_id, temporary in (
        (ada.sub, "ada@example.org", False),
        ("noor", "noor@example.org", True),
    ):
        await services.credentials.enroll(
            EnrollAccount(
                sub=sub,
                user_id=user_id,
                password=OLD,
                temporary=temporary,
                organization="halden",
            )
        )
    return services


@each_call
async def test_what_the_gateway_asks_the_service_answers(
    peopled: Services, service: str, path: str
) -> None:
    answer = await CALLS[service, path](peopled)
    assert isinstance(answer, BaseModel)


def _paths(app: web.Application) -> set[str]:
    return {route.resource.canonical for route in app.router.routes() if route.resource}


async def test_every_route_of_every_service_is_in_the_contract_and_no_other() -> None:
    memory = Memory.empty()
    hasher = memory.hasher()
    apps = {
        "profile": memory.profile(),
        "credentials": memory.credentials_app(hasher),
        "sessions": memory.sessions_app(),
    }
    hasher.close()
    assert {(name, path) for name, app in apps.items() for path in _paths(app)} == set(CALLS)


@dataclass(frozen=True)
class Listening(Peer):
    """Takes note of what is asked, and answers nothing."""

    asked: Any = None

    async def ask_raw(self, path: str, body: BaseModel, *, safe: bool = False) -> bytes:
        self.asked.append((path, safe))
        raise Unavailable


READS = {
    "/users/read",
    "/accounts/read",
    "/people/get", "/people/list", "/people/photo", "/password/check", "/devices/recognise",
    "/devices/list", "/devices/find",
    "/activity/list", "/activity/count", "/activity/read",
    "/sessions/introspect", "/sessions/list", "/receipts/read", "/receipts/list", "/methods/list",
    "/policy/read", "/requirements/ask", "/challenge/settle", "/devices/count-trusted",
    "/reset/policy/read", "/reset/look-up", "/reset/read", "/reset/registered",
    "/password-policy/read", "/audit/read", *TERMS_READS, *ERASURE_READS,
    *ORGANIZATION_READS,
}  # fmt: skip


async def test_only_calls_that_change_nothing_may_be_sent_again() -> None:
    asked: list[tuple[str, bool]] = []
    peer = Listening(None, "", "", asked)  # type: ignore[arg-type]
    body = CheckPassword(password=NEW)
    services = (ProfileClient, TermsClient, OrganizationsClient, ErasureClient)
    clients = (*services, CredentialsClient, SessionsClient, PersonalDataClient)
    for client in (each(peer) for each in clients):
        own = {field.name for field in fields(client)}
        for name in (each for each in dir(client) if not each.startswith("_") and each not in own):
            with pytest.raises(Unavailable):
                await getattr(client, name)(body)
    assert {path for path, _ in asked} == {path for _, path in CALLS}
    assert {path for path, safe in asked if safe} == READS


@each_call
async def test_a_service_lets_nobody_in_without_its_key(
    services: Services, service: str, path: str
) -> None:
    for headers in ({}, {"X-Service-Key": "wrong"}, {"X-Service-Key": KEY[:-1]}):
        async with services.session.post(
            services.urls[service] + path, data=b"{}", headers=headers
        ) as answered:
            assert answered.status == 401
            assert (await answered.json(content_type=None)) == {
                "type": "/problems/service-key-required",
                "status": 401,
            }


@each_call
async def test_a_service_refuses_a_field_that_it_does_not_know(
    services: Services, service: str, path: str
) -> None:
    async with services.session.post(
        services.urls[service] + path, json={"is_admin": True}, headers={"X-Service-Key": KEY}
    ) as answered:
        assert answered.status == 422
        document = await answered.json(content_type=None)
    assert document["type"] == "/problems/invalid-request"
    reasons = {each["field"]: each["reason"] for each in document["errors"]}
    assert reasons["is_admin"] == "unknown-field"


@each_call
async def test_a_service_refuses_what_is_no_contract(
    services: Services, service: str, path: str
) -> None:
    for body in (b"", b"nonsense", b"[]", b"null", b'{"sub": "\xff"}'):
        async with services.session.post(
            services.urls[service] + path, data=body, headers={"X-Service-Key": KEY}
        ) as answered:
            assert answered.status == 422
            assert answered.content_type == "application/problem+json"


@each_call
async def test_a_service_is_asked_by_post_alone(
    services: Services, service: str, path: str
) -> None:
    async with services.session.get(
        services.urls[service] + path, headers={"X-Service-Key": KEY}
    ) as answered:
        assert answered.status == 405


async def refused(asked: Coroutine[Any, Any, object]) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await asked
    return raised.value


async def test_a_wrong_password_is_the_same_refusal_on_this_side(peopled: Services) -> None:
    refusal = await refused(peopled.credentials.verify(verify(SecretStr("wrong"))))
    assert (refusal.type, refusal.status, refusal.extra) == ("sign-in-refused", 401, {})


async def test_a_throttled_sign_in_says_on_this_side_when_to_come_back(
    peopled: Services,
) -> None:
    for number in range(10):
        await refused(peopled.credentials.verify(verify(SecretStr(f"wrong {number}"))))
    refusal = await refused(peopled.credentials.verify(verify(OLD)))
    assert (refusal.type, refusal.status) == ("sign-in-throttled", 429)
    assert refusal.retry_after == 60


async def test_a_refused_password_has_every_reason_on_this_side(peopled: Services) -> None:
    refusal = await refused(peopled.credentials.change(change(OLD, SecretStr("password1"))))
    assert (refusal.type, refusal.status) == ("password-refused", 422)
    assert [each["reason"] for each in refusal.errors] == ["too-short", "breached", "too-guessable"]


async def test_an_ended_session_has_its_cause_on_this_side(peopled: Services) -> None:
    session = await introspect(peopled)
    await peopled.sessions.sign_out_everywhere(SignOutEverywhere(sub="person-1"))
    (kept,) = peopled.memory.sessions.kept.values()
    asked = Introspect(sub="person-1", sid=session.sid, proof=kept.proof)  # type: ignore[attr-defined]
    refusal = await refused(peopled.sessions.introspect(asked))
    assert (refusal.type, refusal.status) == ("session-revoked", 401)
    assert refusal.extra == {"cause": "signed-out-everywhere"}


async def test_what_is_not_there_is_not_found_on_this_side(peopled: Services) -> None:
    for asked in (
        peopled.profile.get(GetPerson(sub="nobody")),
        peopled.profile.photo(GetPerson(sub="nobody")),
        peopled.sessions.receipt(ReadReceipt(id="none", sub="person-1")),
        peopled.sessions.end(EndSession(sub="person-1", sid="none", cause="signed-out")),
    ):
        refusal = await refused(asked)
        assert (refusal.type, refusal.status) == ("not-found", 404)


async def test_a_taken_name_is_taken_on_this_side(peopled: Services) -> None:
    other = record("ADA@example.org")
    for asked in (
        peopled.profile.add(other),
        peopled.credentials.enroll(EnrollAccount(sub="x", user_id="Ada@Example.org")),
    ):
        refusal = await refused(asked)
        assert (refusal.type, refusal.status) == ("user-exists", 409)


async def test_fields_at_fault_are_named_on_this_side_without_their_values(
    services: Services,
) -> None:
    asked = VerifyPassword.model_construct(
        user_id="ada", password=SecretStr("hunter2" * 500), address="a"
    )
    refusal = await refused(services.credentials.peer.ask("/password/verify", asked, BaseModel))
    assert (refusal.type, refusal.status) == ("invalid-request", 422)
    assert [each["field"] for each in refusal.errors] == ["password"]
    assert "hunter2" not in repr(refusal.errors)


async def test_a_gateway_that_is_not_let_in_does_not_tell_clients_to_sign_in(
    services: Services,
) -> None:
    stranger = ProfileClient(services.peer("profile", key="another"))
    refusal = await refused(stranger.get(GetPerson(sub="ada")))
    assert (refusal.type, refusal.status) == ("service-unavailable", 503)


async def test_what_travels_keeps_every_field(peopled: Services) -> None:
    full = AddPerson(
        organization="halden",
        user_id="jonas@example.org",
        display_name="Jonas Brandt \U0001f9a6",
        emails=("jonas@example.org", "j@example.org"),
        job_title="Verkaufsleiter Nord",
        department="Vertrieb",
        office="Bremen, 2.03",
        phones=("+49 421 5550 147",),
        manager="person-1",
        preferred_language="de",
        roles=("admin",),
        groups=("bremen", "sales"),
    )
    added = await peopled.profile.add(full)
    person = await peopled.profile.get(GetPerson(sub=added.sub))
    told = person.model_dump(include=set(AddPerson.model_fields) - {"organization", "manager"})
    assert told == full.model_dump(exclude={"organization", "manager", "groups", "by"})
    user = await peopled.profile.user(ReadUser(sub=added.sub))
    assert user.groups == full.groups
    assert person.manager is not None
    assert person.manager.display_name == "Ada Marsh"
    raw = await peopled.profile.get_raw(GetPerson(sub=added.sub))
    assert type(person).model_validate_json(raw) == person


async def test_a_device_is_recognised_across_the_contract(peopled: Services) -> None:
    established = await peopled.sessions.establish(establish())
    assert established.device.key is not None
    known = await peopled.sessions.recognise(RecogniseDevice(device_key=established.device.key))
    assert (known.device_id, known.sub) == (established.device.id, "person-1")
