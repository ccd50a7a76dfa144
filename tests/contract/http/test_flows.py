"""The gateway's flows over the services' real HTTP applications: what pages and API both call."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.account import words_of
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.errors import (
    AnswerLost,
    ConfirmationRequired,
    FlowEnded,
    NotAllowedByPolicy,
)
from services.gateway.model import ActionRequired, SignedIn
from shared.contracts.profile import AddPerson
from shared.contracts.refusals import InvalidRequest, Unavailable
from shared.contracts.sessions import Revoked
from shared.problems import at_fault
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused


async def test_who_signs_in_is_accepted(gateway: Gateway) -> None:
    kim = await gateway.add("kim")
    caller = await gateway.caller("kim")
    assert caller.sub == kim.sub
    assert await gateway.account.person(caller) == kim


async def test_a_device_that_is_known_counts_its_guesses_apart(gateway: Gateway) -> None:
    await gateway.add("kim")
    signed_in = await gateway.begin("kim")
    assert isinstance(signed_in, SignedIn)
    for number in range(10):
        await refused(gateway.begin("kim", f"wrong {number}"))
    assert (await refused(gateway.begin("kim"))).type == "sign-in-throttled"
    assert isinstance(await gateway.begin("kim", key=signed_in.device.key), SignedIn)


async def test_a_temporary_password_is_replaced_in_the_flow_that_proved_it(
    gateway: Gateway,
) -> None:
    noor = await gateway.add("noor", temporary=True)
    waiting = await gateway.begin("noor")
    assert isinstance(waiting, ActionRequired)
    assert gateway.services.memory.sessions.kept == {}
    flow = await gateway.sign_in.flow(key(waiting), "change-password")
    assert (await gateway.sign_in.person(flow)).sub == noor.sub
    done = await gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert isinstance(done, SignedIn)
    assert (await gateway.acceptance.accept(done.token, WHERE)).sub == noor.sub
    with pytest.raises(FlowEnded):
        await gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(OLD), WHERE)
    assert isinstance(await gateway.begin("noor", NEW), SignedIn)


async def test_a_refused_password_lets_the_flow_go_on(gateway: Gateway) -> None:
    await gateway.add("noor", temporary=True)
    waiting = await gateway.begin("noor")
    assert isinstance(waiting, ActionRequired)
    weak = gateway.sign_in.replace_temporary_password(key(waiting), SecretStr("noor"), WHERE)
    assert (await refused(weak)).type == "password-refused"
    await gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)


async def test_a_flow_that_a_change_overtook_has_ended(gateway: Gateway) -> None:
    await gateway.add("noor", temporary=True)
    first, second = await gateway.begin("noor"), await gateway.begin("noor")
    assert isinstance(first, ActionRequired)
    assert isinstance(second, ActionRequired)
    await gateway.sign_in.replace_temporary_password(key(first), SecretStr(NEW), WHERE)
    late = gateway.sign_in.replace_temporary_password(key(second), SecretStr(OLD), WHERE)
    assert (await refused(late)).type == "flow-ended"
    assert isinstance(await gateway.begin("noor", NEW), SignedIn)


async def test_a_change_ends_every_session_before_it_answers(gateway: Gateway) -> None:
    await gateway.add("kim")
    callers = [await gateway.caller("kim") for _ in range(3)]
    await gateway.account.change_password(callers[0], old=SecretStr(OLD), new=SecretStr(NEW))
    for caller in callers:
        refusal = await refused(gateway.acceptance.accept(caller.token, WHERE))
        assert (refusal.type, refusal.extra) == (
            "session-revoked",
            {"cause": "password-changed"},
        )


async def test_a_change_whose_answer_got_lost_says_that_it_may_have_been_made(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateway.add("kim")
    await gateway.add("noor", temporary=True)
    caller, waiting = await gateway.caller("kim"), await gateway.begin("noor")
    assert isinstance(waiting, ActionRequired)
    asked = CredentialsClient.change, CredentialsClient.replace_temporary

    def loses(ask: Any) -> Any:
        async def lost(client: CredentialsClient, change: Any) -> Revoked:
            await ask(client, change)
            raise AnswerLost

        return lost

    monkeypatch.setattr(CredentialsClient, "change", loses(asked[0]))
    monkeypatch.setattr(CredentialsClient, "replace_temporary", loses(asked[1]))
    for change in (
        gateway.account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW)),
        gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE),
    ):
        refusal = await refused(change)
        assert (refusal.type, refusal.status) == ("password-change-unconfirmed", 503)
        assert refusal.retry_after
    for name in ("kim", "noor"):
        assert isinstance(await gateway.begin(name, NEW), SignedIn)


async def test_a_sessions_service_that_is_a_version_behind_is_asked_in_its_words(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateway.add("kim")
    caller = await gateway.caller("kim")
    ask = Peer.ask_raw

    async def behind(peer: Peer, path: str, body: Any, *, safe: bool = False) -> bytes:
        if "renew" in body.model_dump(exclude_defaults=True):
            raise InvalidRequest(errors=[at_fault("renew", "extra_forbidden")])
        return await ask(peer, path, body, safe=safe)

    monkeypatch.setattr(Peer, "ask_raw", behind)
    seen = await gateway.acceptance.accept(caller.token, WHERE, renew=False)
    assert seen.session == caller.session


async def test_a_password_built_from_ones_own_names_is_refused(gateway: Gateway) -> None:
    await gateway.add("wolfgang", display_name="Amadeus", emails=("trazom@private.example",))
    caller = await gateway.caller("wolfgang")
    words = words_of(await gateway.account.person(caller))
    assert set(words.own) == {"wolfgang", "Amadeus", "trazom"}
    assert words.organization == ("Halden", "halden.example", "private.example")
    for built, reason in (
        ("wolfgang-wolfgang", "contains-your-name"),
        ("Amadeus.Amadeus.1", "contains-your-name"),
        ("trazomtrazom12345", "contains-your-name"),
        ("halden-halden-123", "contains-organization-name"),
        ("trazom@private.example", "contains-your-name"),
        ("Halden Amadeus 2026", "contains-your-name"),
    ):
        report = await gateway.account.check_password(caller, SecretStr(built))
        assert reason in report.reasons, built


async def test_nothing_is_signed_out_unconfirmed(gateway: Gateway) -> None:
    await gateway.add("kim")
    caller = await gateway.caller("kim")
    with pytest.raises(ConfirmationRequired):
        await gateway.account.sign_out_everywhere(caller, confirmed=False)
    await gateway.acceptance.accept(caller.token, WHERE)


@pytest.mark.asvs("8.2.2")
async def test_nobody_ends_anothers_session_or_reads_their_receipt(gateway: Gateway) -> None:
    await gateway.add("kim")
    await gateway.add("eve")
    kim, eve = await gateway.caller("kim"), await gateway.caller("eve")
    ending = gateway.account.end_session(eve, kim.session.sid)
    assert (await refused(ending)).type == "not-found"
    revoked = await gateway.account.sign_out_everywhere(kim, confirmed=True)
    too_long = "x" * 5000
    for receipt, shown in (
        (revoked.receipt, None),
        (revoked.receipt, revoked.receipt),
        (revoked.receipt, too_long),
        (too_long, revoked.receipt_token),
    ):
        reading = gateway.account.receipt(eve.sub, receipt, shown)
        assert (await refused(reading)).type == "not-found"
    assert (await gateway.account.receipt(None, revoked.receipt, revoked.receipt_token)).epoch == 2


@pytest.mark.asvs("8.2.1")
async def test_only_admins_administer(gateway: Gateway) -> None:
    await gateway.add("kim")
    with pytest.raises(NotAllowedByPolicy):
        await gateway.administration.admin(await gateway.caller("kim"))


async def test_a_weak_first_password_adds_nobody(gateway: Gateway) -> None:
    refusal = await refused(gateway.add("kim", "kim-kim-kim"))
    assert (refusal.type, refusal.status) == ("password-refused", 422)
    assert {each["field"] for each in refusal.errors} == {"password"}
    names = {each.record.user_id for each in gateway.services.memory.people.persons.values()}
    assert "kim@halden.example" not in names


async def test_a_first_password_built_from_an_address_is_refused(gateway: Gateway) -> None:
    added = gateway.add("kim", "trazom-trazom-12", emails=("trazom@private.example",))
    reasons = {each["reason"] for each in (await refused(added)).errors}
    assert "contains-your-name" in reasons


async def test_what_a_crash_left_half_done_the_same_call_completes(gateway: Gateway) -> None:
    half = await gateway.services.profile.add(AddPerson(**gateway.record("kim")))
    assert (await refused(gateway.begin("kim"))).type == "sign-in-refused"
    kim = await gateway.add("kim")
    assert kim.sub == half.sub
    assert isinstance(await gateway.begin("kim"), SignedIn)


async def test_who_is_there_is_not_added_again_and_keeps_their_password(
    gateway: Gateway,
) -> None:
    await gateway.add("kim")
    assert (await refused(gateway.add("kim", NEW))).type == "user-exists"
    assert isinstance(await gateway.begin("kim", OLD), SignedIn)
    assert (await refused(gateway.begin("kim", NEW))).type == "sign-in-refused"


async def test_people_are_searched_for_by_what_they_begin_with(gateway: Gateway) -> None:
    await gateway.add("kim")
    admin = await gateway.admin()

    async def found(search: str) -> list[str]:
        page = await gateway.administration.people(admin, search=search)
        return [each.display_name for each in page.items]

    assert await found(" KIM@ ") == ["Kim"]
    assert await found("im") == []
    assert await found("") == await found(" ") == ["Kim", "Root"]
    for search, reason in (("k" * 101, "too-long"), ("k\x00", "unfit"), ("k\u202e", "unfit")):
        refusal = await refused(found(search))
        assert refusal.type == "invalid-request"
        assert [(each["field"], each["reason"]) for each in refusal.errors] == [("search", reason)]


async def test_who_is_added_as_an_admin_is_none_before_they_can_come(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_asked: object) -> None:
        raise Unavailable

    people = gateway.services.memory.people
    with monkeypatch.context() as patched:
        patched.setattr(CredentialsClient, "enroll", away)
        refusal = await refused(gateway.add("kim", roles=("admin",)))
        assert refusal.type == "service-unavailable"
    assert [each.record.display_name for each in await people.admins("halden")] == ["Root"]
    kim = await gateway.add("kim", roles=("admin",))
    assert kim.roles == ("admin",)
    assert len(await people.admins("halden")) == 2


@pytest.mark.asvs("8.2.2", "8.4.1")
async def test_admins_see_their_own_organization_alone(gateway: Gateway) -> None:
    await gateway.add("kim")
    elsewhere = AddPerson(**gateway.record("eve") | {"organization": "elsewhere"})
    await gateway.services.profile.add(elsewhere)
    page = await gateway.administration.people(await gateway.admin())
    assert {each.user_id for each in page.items} == {"kim@halden.example", "root@halden.example"}
