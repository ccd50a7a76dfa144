"""The demonstration organizations are brought in again, whatever was done to their people since."""

from typing import Any

from deploy.demo.__main__ import PARTNER, bring_guests, bring_in
from services.gateway.users import Users
from shared.contracts.organizations import Leave
from shared.contracts.users import ReadUser
from tests.contract.http.services import Services


def user(name: str, **more: Any) -> dict[str, Any]:
    return {
        "user_id": f"{name}@halden.example",
        "display_name": name.title(),
        "password": f"quiet {name} with seven lanterns",
        **more,
    }


ADA, BO = user("ada", roles=("admin",)), user("bo", manager="ada@halden.example")
CLEO = user("cleo", manager="bo@halden.example")


async def test_who_was_deleted_a_while_ago_is_left_out_and_stops_nobody(
    services: Services,
) -> None:
    async def again(*more: dict[str, Any]) -> list[str]:
        return await bring_in(services.profile, services.credentials, [ADA, BO, CLEO, *more])

    assert await again() == await again() == []
    by_name = {p.record.user_id: p.sub for p in services.memory.people.persons.values()}
    admin = await services.profile.user(ReadUser(sub=by_name[ADA["user_id"]]))
    users = Users(services.profile, services.credentials, services.sessions)
    await users.delete(admin, by_name[BO["user_id"]])
    left_out = await again(user("dan"))
    assert left_out[0] == BO["user_id"]
    assert {p.record.user_id for p in services.memory.people.persons.values()} == {
        *by_name,
        "dan@halden.example",
    }


async def test_the_guests_of_the_partner_are_brought_in_once(services: Services) -> None:
    both = (services.profile, services.credentials)
    await bring_in(*both, [user("mei"), user("jonas")])
    await bring_in(*both, [user("vera", roles=("admin",))], PARTNER)
    for _ in range(2):
        await bring_guests(services.profile, services.organizations)
    people = services.memory.people
    mei, jonas = [people.persons[f"person-{number}"] for number in (1, 2)]
    assert [(each.sub, each.organization) for each in people.memberships.values()] == [
        (mei.sub, PARTNER.id)
    ]
    assert [each.sub for each in people.invitations.values()] == [jonas.sub]
    # Who left stays away.
    await services.organizations.leave(Leave(sub=mei.sub, organization=PARTNER.id))
    people.invitations.clear()
    await bring_guests(services.profile, services.organizations)
    assert people.invitations == {}
