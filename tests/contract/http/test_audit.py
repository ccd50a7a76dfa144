"""What admins do is told with its effect, and what they read of the trail is their own."""

import csv
import io
import json
from typing import Any, cast

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer

from services.gateway.administration import Administration
from services.gateway.api.audit import AuditApi
from services.gateway.api.operations import Operations
from services.gateway.api.policy import PolicyApi
from services.gateway.audit import AuditTrail
from services.gateway.rendering import Problems, middleware
from services.profile.trail import Entry, Told
from shared.contracts.audit import Actor, AuditFilter, ReadAudit
from shared.contracts.events import Audited
from shared.contracts.methods import Kind
from shared.contracts.profile import AddPerson, Person
from shared.contracts.refusals import NotFound, Unavailable, UnknownCursor
from shared.texts import Catalogues
from tests.contract.http.gateway import Gateway, refused
from tests.memory.gateway import MemoryAnswers
from tests.unit.gateway.system import Client, problem_of

BOTH: frozenset[Kind] = frozenset({"authenticator", "recovery-codes"})


def told(gateway: Gateway) -> list[Audited]:
    """Return what was put into the outboxes to be audited."""
    memory = gateway.services.memory
    events = [*memory.epochs.outbox.values(), *memory.people.outbox.values()]
    return [each for each in events if isinstance(each, Audited)]


async def put_methods(gateway: Gateway, admin: Person, *replaces: int, days: int = 0) -> int:
    policy = await gateway.policies.put_methods(
        admin, allowed=BOTH, second_factor="off", trust_days=days, replaces=replaces or None
    )
    return policy.version


async def keep(gateway: Gateway, number: int, organization: str = "halden", **more: Any) -> None:
    actor = Actor(sub=more.pop("sub", f"admin-{number % 2}"), organization=organization)
    at = gateway.services.memory.clock.now()
    event = Audited.of(actor, more.pop("action", "add-user"), at=at, **more)
    await gateway.services.memory.audit.append(Told.by(event))


async def test_adding_a_user_is_told_once(gateway: Gateway) -> None:
    admin = await gateway.admin()
    kim = await gateway.add("kim", roles=("admin",))
    again = gateway.add("kim", roles=("admin",))
    assert (await refused(again)).type == "user-exists"
    added, given = told(gateway)
    for event in (added, given):
        assert (event.subject, event.payload.actor) == (kim.sub, admin.sub)
        assert event.payload.organization == "halden"
    assert (added.payload.action, added.payload.details) == ("add-user", {"roles": ""})
    # Who cannot come yet has no role yet.
    role = {"fields": "roles", "roles": "admin"}
    assert (given.payload.action, given.payload.details) == ("change-user", role)


async def test_replacing_a_policy_is_told_with_its_version_and_what_changed(
    gateway: Gateway,
) -> None:
    admin = await gateway.admin()
    await put_methods(gateway, admin)
    await put_methods(gateway, admin, days=7)
    await gateway.policies.put_session_times(admin, idle_minutes=5, lifetime_hours=1)
    first, second, third = (each.payload for each in told(gateway))
    assert {each.action for each in (first, second, third)} == {"replace-policy"}
    assert {each.actor for each in (first, second, third)} == {admin.sub}
    assert second.details == {"policy": "methods", "version": 2, "changed": "trust_days"}
    assert (first.details["version"], third.details["policy"]) == (1, "sessions")


async def test_taking_methods_away_is_told_of_who_lost_them(gateway: Gateway) -> None:
    admin, kim = await gateway.admin(), await gateway.add("kim")
    await gateway.policies.require_security_info(admin, kim.sub)
    (event,) = (each for each in told(gateway) if each.payload.action == "require-security-info")
    assert (event.subject, event.payload.actor) == (kim.sub, admin.sub)


async def test_a_replay_is_noted_before_it_is_made(gateway: Gateway) -> None:
    admin = await gateway.admin()
    seen: list[tuple[str, object]] = []

    class Parking:
        async def replay(self, message_id: str) -> None:
            page = await trail.page(admin, AuditFilter())
            seen.extend((each.action, each.details) for each in page.items)
            raise NotFound

    trail = AuditTrail(gateway.services.profile)
    services = gateway.services
    administration = Administration(
        services.profile, services.credentials, cast("Any", Parking()), gateway.step_ups
    )
    assert (await refused(administration.replay(admin, "m" * 300))).type == "not-found"
    assert seen == [("replay-event", {"event": "m" * 256})]


async def test_of_two_who_replace_the_same_version_one_is_refused(gateway: Gateway) -> None:
    admin = await gateway.admin()
    assert (await gateway.policies.methods(admin)).version == 0
    assert await put_methods(gateway, admin, 0) == 1
    late = await refused(put_methods(gateway, admin, 0, days=9))
    assert (late.type, late.status) == ("changed-meanwhile", 412)
    kept = await gateway.policies.methods(admin)
    assert (kept.version, kept.trust_days) == (1, 0)
    assert len(told(gateway)) == 1
    assert await put_methods(gateway, admin, 7, 1) == 2
    assert await put_methods(gateway, admin) == 3


async def test_the_trail_names_people_and_only_those_of_the_organization(
    gateway: Gateway,
) -> None:
    admin, kim = await gateway.admin(), await gateway.add("kim")
    record = gateway.record("eve") | {"organization": "elsewhere"}
    eve = await gateway.services.profile.add(AddPerson(**record))
    await keep(gateway, 1, sub=admin.sub, subject=kim.sub, action="one")
    await keep(gateway, 2, sub=eve.sub, subject="nobody", action="two")
    two, one = (await AuditTrail(gateway.services.profile).page(admin, AuditFilter())).items
    assert (one.sequence, two.sequence) == (1, 2)
    assert one.actor is not None
    assert one.subject is not None
    assert (one.actor.display_name, one.subject.user_id) == ("Root", "kim@halden.example")
    assert two.actor is not None
    assert (two.actor.sub, two.actor.user_id, two.actor.display_name) == (eve.sub, None, None)


async def test_pages_join_and_end_and_hold_what_is_asked_for(gateway: Gateway) -> None:
    admin, trail = await gateway.admin(), AuditTrail(gateway.services.profile)
    for number in range(7):
        await keep(gateway, number)
    await keep(gateway, 1, organization="elsewhere")
    seen: list[int] = []
    after = None
    while True:
        page = await trail.page(admin, AuditFilter(), limit=3, after=after)
        seen += [each.sequence for each in page.items]
        if (after := page.next) is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    ones = await trail.page(admin, AuditFilter(actor="admin-1"))
    assert [each.sequence for each in ones.items] == [6, 4, 2]
    assert (await trail.page(admin, AuditFilter(action="none"))).items == ()


@pytest.mark.parametrize("after", ["x", "", "-1", "1.5", "٣", "9" * 19])
async def test_what_is_no_cursor_is_refused(gateway: Gateway, after: str) -> None:
    asked = gateway.services.profile.audit(ReadAudit(organization="halden", after=after))
    assert (await refused(asked)).type == UnknownCursor.type


@pytest.fixture
async def client(gateway: Gateway) -> Any:
    """Give the part of the API for policies and the trail, called by the admin of the tests."""
    admin = await gateway.admin()

    class Asked:
        async def admin(self, _request: web.Request) -> tuple[None, Person]:
            return None, admin

        def where(self, _request: web.Request) -> None:
            return None

        def language(self, _request: web.Request) -> str:
            return "en"

        def languages(self, _request: web.Request) -> tuple[str, ...]:
            return ("en",)

    problems = Problems(Catalogues.load(), cast("Any", Asked()))
    operations = Operations(cast("Any", Asked()), MemoryAnswers(), problems.answer)
    app = web.Application(middlewares=[middleware(problems, cast("Any", None))])
    table = [
        *AuditApi(AuditTrail(gateway.services.profile)).operations(),
        *PolicyApi(gateway.policies).operations(),
    ]
    app.add_routes([operations.route(each) for each in table])
    async with TestClient(TestServer(app)) as started:
        yield started


METHODS = {"allowed": ["authenticator"], "second_factor": "off", "trust_days": 0}


async def test_a_policy_comes_with_its_tag_and_is_replaced_under_it(client: Client) -> None:
    path = "/api/v1/admin/policy/methods"
    assert (await client.get(path)).headers["ETag"] == '"0"'
    made = await client.put(path, json=METHODS, headers={"If-Match": '"0"'})
    assert (made.status, made.headers["ETag"]) == (200, '"1"')
    assert "version" not in await made.json()
    other = METHODS | {"trust_days": 9}
    for tag in ('"0"', 'W/"1"', '"x"'):
        late = await client.put(path, json=other, headers={"If-Match": tag})
        await problem_of(late, 412, "changed-meanwhile")
    await problem_of(
        await client.put(path, json=other, headers={"If-Match": "1"}), 422, "invalid-request"
    )
    read = await client.get(path)
    assert (read.headers["ETag"], (await read.json())["trust_days"]) == ('"1"', 0)
    for headers in ({}, {"If-Match": "*"}, {"If-Match": '"9", "3"'}):
        made = await client.put(path, json=other, headers=headers)
        assert made.status == 200
    assert made.headers["ETag"] == '"4"'


async def test_a_repeated_replacement_gets_its_first_tag(client: Client) -> None:
    path, times = "/api/v1/admin/policy/sessions", {"idle_minutes": 5, "lifetime_hours": 1}
    once = {"Idempotency-Key": "one", "If-Match": '"0"', "Authorization": "Bearer a"}
    for _ in range(2):
        made = await client.put(path, json=times, headers=once)
        assert (made.status, made.headers["ETag"]) == (200, '"1"')
    reused = await client.put(path, json=times, headers=once | {"If-Match": '"1"'})
    await problem_of(reused, 422, "idempotency-key-reused")


async def test_the_trail_is_exported_whole_and_in_order(client: Client, gateway: Gateway) -> None:
    for number in range(450):
        await keep(gateway, number)
    answered = await client.get("/api/v1/admin/audit/export")
    assert answered.headers["Content-Type"] == "application/jsonl"
    assert answered.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    lines = [json.loads(line) for line in (await answered.text()).splitlines()]
    assert [each["sequence"] for each in lines] == list(range(1, 451))
    page = await (await client.get("/api/v1/admin/audit?limit=1&action=add-user")).json()
    assert page["items"] == [lines[-1]]
    assert set(lines[0]) == {
        "id", "sequence", "at", "actor", "subject", "action", "outcome", "reason", "details",
        "hash",
    }  # fmt: skip
    ones = await client.get("/api/v1/admin/audit/export?format=csv&actor=admin-1")
    assert len((await ones.text()).splitlines()) == 1 + 225
    for path in (
        "/admin/audit/export?format=xml",
        "/admin/audit/export?format=",
        "/admin/audit/export?actor=a&actor=b",
    ):
        await problem_of(await client.get(f"/api/v1{path}"), 422, "invalid-request")


async def test_an_export_that_breaks_off_does_not_look_whole(
    client: Client, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(250):
        await keep(gateway, number)
    audit = gateway.services.memory.audit
    entries = audit.entries

    async def once(organization: str, **asked: Any) -> list[Entry]:
        if asked["after"] is not None:
            raise Unavailable
        return await entries(organization, **asked)

    monkeypatch.setattr(audit, "entries", once)
    answered = await client.get("/api/v1/admin/audit/export")
    assert answered.status == 200
    with pytest.raises(ClientPayloadError):
        await answered.read()

    async def never(_organization: str, **_asked: Any) -> list[Entry]:
        raise Unavailable

    monkeypatch.setattr(audit, "entries", never)
    refused_whole = await client.get("/api/v1/admin/audit/export")
    await problem_of(refused_whole, 503, "service-unavailable")


@pytest.mark.parametrize("begins", [*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"])
async def test_no_cell_begins_a_formula(client: Client, gateway: Gateway, begins: str) -> None:
    name = f'{begins}cmd|" /C calc"!A1, and more'
    record = gateway.record("eve") | {"display_name": name}
    eve = await gateway.services.profile.add(AddPerson(**record))
    await keep(gateway, 1, sub=eve.sub, details={"key": begins})
    answered = await client.get("/api/v1/admin/audit/export?format=csv")
    assert answered.headers["Content-Type"] == "text/csv; charset=utf-8"
    file = io.StringIO((await answered.read()).decode(), newline="")
    head, row = csv.reader(file)
    cells = dict(zip(head, row, strict=True))
    assert cells["actor_name"] == f"'{name}"
    assert json.loads(cells["details"]) == {"key": begins}
    ids = {cells.pop(each) for each in ("actor", "subject", "id")}
    assert not any(cell.startswith((begins, "=", "-")) for cell in cells.values())
    assert not any(each.startswith("'") for each in ids)
