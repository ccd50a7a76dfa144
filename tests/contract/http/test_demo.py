"""The demonstration organization is brought in again, whatever was done to its people since."""

from typing import Any

from deploy.demo.__main__ import bring_in
from services.gateway.users import Users
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
