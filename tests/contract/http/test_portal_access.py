"""What the portal withholds by policy: the API refuses it, with whom to ask, and nothing else."""

from typing import Any

import pytest

from services.gateway.clients.profile import ProfileClient
from services.gateway.house_rules import lease_of_rules
from services.gateway.portal_access import Opening, PortalAccess, area_of, is_for_everybody
from shared.contracts.policy import PortalPolicy
from shared.contracts.portal import AREAS, PROFILE_FIELDS
from shared.contracts.profile import Helpdesk, PutPhoto
from shared.contracts.refusals import Unavailable
from tests.contract.http.gateway import Gateway
from tests.contract.http.profile_calls import PNG
from tests.contract.http.test_roles import SIGNED_IN, TABLE, Door
from tests.contract.http.test_terms_api import Api, admin, opened, published, user

__all__ = ["admin", "opened", "user"]

DESK = {"name": "Front desk", "url": "https://desk.example/", "email": "", "phone": "112"}
BODY: dict[str, Any] = {"helpdesk": DESK}
PATH = "/admin/policy/portal"
STAFF = {"access": "groups", "groups": ["staff"]}
RECORD = {
    "job_title": "Pilot", "department": "Harbour", "office": "Quay 4", "phones": ["+49 421 5550"],
    "preferred_language": "de",
}  # fmt: skip

# What people defend their account with, and what the frame of every page is made of: always there.
ALWAYS = {
    "/me", "/me/photo", "/me/sessions", "/me/sessions/{sid}", "/me/sign-out-everywhere",
    "/me/receipts", "/me/receipts/{id}", "/me/events", "/me/password", "/me/password/check",
    "/me/methods", "/me/methods/{id}", "/me/methods/{id}/send", "/me/methods/{id}/prove",
    "/me/methods/default", "/me/security-questions", "/me/devices/forget-trust",
    "/me/personal-data",
}  # fmt: skip
OPEN_TO_ALL = {
    "POST /sign-out", "POST /me/sign-out-everywhere", "GET /me/receipts", "GET /me/receipts/{id}",
    "GET /me/events",
}  # fmt: skip
OWN = [operation for operation in TABLE if TABLE[operation] is SIGNED_IN]


def path_of(operation: str) -> str:
    return operation.split()[1]


def test_every_call_about_oneself_belongs_to_an_area_or_is_always_there() -> None:
    own = {path_of(each) for each in TABLE if path_of(each).startswith("/me")}
    in_areas = {each for each in own if area_of(f"/api/v1{each}") is not None}
    assert own - in_areas == ALWAYS
    kept = {area_of(f"/api/v1{each}") for each in in_areas}
    assert kept == set(AREAS)
    there = {each for each in TABLE if is_for_everybody(f"/api/v1{path_of(each)}")}
    assert there == OPEN_TO_ALL


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("/devices", "devices"), ("/devices/disable/x", "devices"), ("/activity", "activity"),
        ("/activity/not-me/x", "activity"), ("/organizations", "organizations"),
        ("/api/v1/me/organizations/x/leave", "organizations"), ("/terms", "terms"),
        ("/api/v1/me/invitations", "organizations"), ("/terms/x/accept", "terms"),
        ("/terms-of-trade", None), ("/", None), ("/security/forget-trust", None),
        ("/admin/terms", None), ("/sign-in/terms", None), ("/admin/devices/x/enable", None),
    ],
)  # fmt: skip
def test_pages_belong_to_the_areas_of_their_calls(path: str, area: str | None) -> None:
    assert area_of(path) == area


async def call(opened: Door, role: str, operation: str) -> tuple[int, dict[str, Any]]:
    method, path = operation.split()
    for name in ("{id}", "{sid}"):
        path = path.replace(name, "x")
    body: dict[str, str] | None = {} if method in {"POST", "PUT", "PATCH"} else None
    shown = {"Authorization": f"Bearer {opened.tokens[role]}"}
    async with opened.client.request(method, f"/api/v1{path}", json=body, headers=shown) as answer:
        if answer.content_type == "application/problem+json":
            return answer.status, await answer.json(content_type=None)
        return answer.status, {}


async def withheld(opened: Door, operation: str, role: str = "user") -> str | None:
    """Return what is withheld by policy, if anything is, having looked at how it is said."""
    status, problem = await call(opened, role, operation)
    if "withheld" not in problem:
        return None
    assert (status, problem["type"]) == (403, "/problems/not-allowed-by-policy")
    assert problem["helpdesk"] == DESK
    return str(problem["withheld"])


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.asvs("8.3.1")
async def test_an_area_that_is_left_out_is_refused_and_no_other(
    admin: Api, opened: Door, area: str
) -> None:
    others = [each for each in AREAS if each != area]
    assert (await admin("PUT", PATH, BODY | {"areas": others}))[0] == 200
    for operation in (each for each in OWN if each != "POST /sign-out"):
        expected = area if area_of(f"/api/v1{path_of(operation)}") == area else None
        assert (operation, await withheld(opened, operation)) == (operation, expected)
    assert (await admin("GET", "/me/" + {"activity": "sign-ins"}.get(area, area)))[0] == 403
    assert (await admin("GET", f"/admin/users/{opened.user}/devices"))[0] == 200
    assert (await admin("PUT", PATH, BODY))[0] == 200
    for operation in (each for each in OWN if each != "POST /sign-out"):
        assert await withheld(opened, operation) is None


async def test_terms_that_are_left_out_can_be_accepted_where_they_have_to_be(
    admin: Api, user: Api
) -> None:
    await admin("PUT", PATH, BODY | {"areas": ["devices"]})
    document = await published(admin)
    assert (await user("GET", "/me"))[1]["type"] == "/problems/terms-required"
    assert (await user("GET", "/me/devices"))[1]["type"] == "/problems/terms-required"
    assert (await user("GET", "/me/terms"))[1]["items"][0]["id"] == document
    assert (await user("GET", f"/me/terms/{document}"))[1]["text"] == "Be *kind*."
    accepted = await user("POST", f"/me/terms/{document}/accept", {"version": 1})
    assert (accepted[0], accepted[1]["to_accept"]) == (200, False)
    assert (await user("GET", "/me"))[0] == 200
    status, problem, _ = await user("GET", "/me/terms")
    assert (status, problem["withheld"]) == (403, "terms")


async def test_fields_that_are_not_shown_are_said_nothing_of(
    gateway: Gateway, admin: Api, user: Api, opened: Door
) -> None:
    await admin("PATCH", f"/admin/users/{opened.user}", RECORD)
    await gateway.services.profile.put_photo(PutPhoto(sub=opened.user, image=PNG))
    whole = (await user("GET", "/me"))[1]
    assert whole.items() >= RECORD.items()
    assert whole["photo_url"] == "/api/v1/me/photo"
    for hidden in PROFILE_FIELDS:
        shown = [each for each in PROFILE_FIELDS if each != hidden]
        await admin("PUT", PATH, BODY | {"fields": shown})
        name = {"photo": "photo_url"}.get(hidden, hidden)
        nothing: list[str] | None = [] if name in {"emails", "phones"} else None
        me = (await user("GET", "/me"))[1]
        organization = {**whole["home_organization"], "helpdesk": DESK}
        assert me == whole | {"helpdesk": DESK, "home_organization": organization, name: nothing}
        photo = await call(opened, "user", "GET /me/photo")
        assert photo[0] == (403 if hidden == "photo" else 200)
    await admin("PUT", PATH, BODY | {"fields": []})
    me = (await user("GET", "/me"))[1]
    assert (me["user_id"], me["display_name"]) == ("robin@halden.example", "Robin")
    assert await withheld(opened, "GET /me/photo") == "photo"
    assert (await admin("GET", f"/admin/users/{opened.user}"))[1].items() >= RECORD.items()


async def test_a_password_may_not_be_built_on_names_that_are_not_shown_either(
    admin: Api, user: Api
) -> None:
    await admin("PUT", PATH, BODY | {"fields": []})
    rated = (await user("POST", "/me/password/check", {"password": "robin robin robin"}))[1]
    assert "contains-your-name" in rated["reasons"]


@pytest.mark.asvs("8.2.1")
async def test_whoever_is_in_none_of_the_groups_ends_what_is_open_and_nothing_else(
    admin: Api, user: Api, opened: Door
) -> None:
    assert (await admin("PUT", PATH, BODY | STAFF))[0] == 200
    for operation in OWN:
        if operation not in OPEN_TO_ALL:
            assert (operation, await withheld(opened, operation)) == (operation, "portal")
    assert await withheld(opened, "GET /me/receipts") is None
    assert (await call(opened, "user", "GET /me/receipts"))[0] == 200
    assert (await admin("GET", "/me"))[0] == 200
    status, given, headers = await user("POST", "/me/sign-out-everywhere", {"confirm": True})
    assert status == 202
    receipt = await opened.client.get(
        f"/api/v1/me/receipts/{given['receipt']}",
        headers={"Receipt-Token": headers["Receipt-Token"]},
    )
    assert receipt.status == 200


async def test_whoever_is_let_into_a_group_gets_in_a_second_later(
    gateway: Gateway, admin: Api, user: Api, opened: Door
) -> None:
    clock, path = gateway.services.memory.clock, f"/admin/users/{opened.user}"
    await admin("PUT", PATH, BODY | STAFF)
    for groups, status in ((["staff"], 200), (["others"], 403), (["others", "staff"], 200)):
        assert (await admin("PATCH", path, {"groups": groups}))[0] == 200
        clock.advance(1)
        assert (await user("GET", "/me"))[0] == status


async def test_who_is_kept_out_signs_in_all_the_same_and_is_told(admin: Api, opened: Door) -> None:
    await admin("PUT", PATH, BODY | STAFF)
    document = await published(admin)
    # A session of before waits for no terms that nobody could accept there.
    assert (await call(opened, "user", "GET /me/receipts"))[0] == 200
    name = {"user_id": "robin@halden.example", "password": "violet otter counts nine lamps"}
    begun = await (await opened.client.post("/api/v1/sign-in", json=name)).json()
    # What a sign-in demands is demanded of everybody.
    accepted = {"terms": [{"id": document, "version": 1}]}
    act = f"/api/v1/sign-in/{begun['flow']}/action"
    done = await (await opened.client.post(act, json=accepted)).json()
    opened.tokens["late"] = done["token"]
    assert await withheld(opened, "GET /me", "late") == "portal"
    assert (await call(opened, "late", "POST /sign-out"))[0] == 204


async def test_a_policy_holds_on_every_replica_when_it_is_answered(gateway: Gateway) -> None:
    await gateway.add("robin")
    caller, admin = await gateway.caller("robin"), await gateway.admin()
    replica = PortalAccess.of(gateway.rules, gateway.services.profile)
    assert (await replica.opening(caller)).is_open
    desk = Helpdesk(**DESK)
    shut = PortalPolicy(access="groups", groups=("staff",), areas=(), helpdesk=desk)
    await gateway.policies.put_portal(admin, shut)
    opening = await replica.opening(caller)
    assert (opening.is_open, opening.areas, opening.helpdesk) == (False, (), desk)


async def test_while_the_profile_service_is_away_it_goes_by_what_was_known(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable

    clock, caller_of = gateway.services.memory.clock, gateway.caller
    await gateway.add("robin", groups=("staff",))
    await gateway.add("kim")
    robin, kim = await caller_of("robin"), await caller_of("kim")
    shut = PortalPolicy(access="groups", groups=("staff",), areas=("terms",), helpdesk=Helpdesk())
    await gateway.policies.put_portal(await gateway.admin(), shut)
    for caller, is_open in ((robin, True), (kim, False)):
        assert (await gateway.portal_access.opening(caller)).is_open is is_open
    for name in ("policy", "user"):
        monkeypatch.setattr(ProfileClient, name, away)
    for _ in range(2):
        clock.advance(60)
        for caller, is_open in ((robin, True), (kim, False)):
            opening = await gateway.portal_access.opening(caller)
            assert (opening.is_open, opening.areas) == (is_open, ("terms",))
    # One that was started meanwhile knows nothing, and lets people see to what is their own.
    rules = lease_of_rules(gateway.services.profile, gateway.services.terms, clock, clock.pause)
    new = PortalAccess.of(rules, gateway.services.profile)
    assert await new.opening(kim) == Opening()
    with pytest.raises(Unavailable):
        await new.fields("halden")


async def test_what_is_left_out_of_a_policy_is_open_and_shown(admin: Api) -> None:
    await admin("PUT", PATH, BODY | STAFF | {"fields": [], "areas": []})
    status, policy, headers = await admin("PUT", PATH, BODY, If_Match='"1"')
    assert (status, headers["ETag"]) == (200, '"2"')
    assert policy == {
        "access": "everyone", "groups": [], "fields": list(PROFILE_FIELDS), "areas": list(AREAS),
        "helpdesk": DESK,
    }  # fmt: skip
    assert (await admin("GET", PATH))[1] == policy


async def test_names_are_kept_once_each_and_in_their_order(admin: Api) -> None:
    body = BODY | {
        "access": "groups", "groups": ["staff", "crew", "staff"],
        "fields": ["emails", "office", "emails"], "areas": ["terms", "devices"],
    }  # fmt: skip
    policy = (await admin("PUT", PATH, body))[1]
    assert (policy["groups"], policy["fields"], policy["areas"]) == (
        ["crew", "staff"], ["office", "emails"], ["devices", "terms"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"access": "nobody"}, "access"),
        ({"access": "groups"}, "groups"),
        ({"groups": ["No such id!"]}, "groups.0"),
        ({"groups": [f"g-{number}" for number in range(101)]}, "groups"),
        ({"fields": ["shoe_size"]}, "fields.0"),
        ({"fields": ["user_id"]}, "fields.0"),
        ({"areas": ["sessions"]}, "areas.0"),
        ({"areas": "devices"}, "areas"),
        ({"hidden": []}, "hidden"),
    ],
)
async def test_what_is_unfit_is_refused_by_its_field_and_changes_nothing(
    admin: Api, change: dict[str, Any], field: str
) -> None:
    before = await admin("GET", PATH)
    status, problem, _ = await admin("PUT", PATH, BODY | change)
    assert status == 422
    assert [each["field"] for each in problem["errors"]] == [field]
    assert (await admin("GET", PATH))[1] == before[1]
