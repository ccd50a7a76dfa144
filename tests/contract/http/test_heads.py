"""HEAD is answered as GET is, and without what GET says (RFC 9110, 9.3.2)."""

from collections.abc import Mapping

import pytest

from services.gateway.api.operations import STREAM
from services.gateway.api.routes import Api
from services.gateway.requests import SESSION_COOKIE
from shared.contracts.profile import PutPhoto
from tests.contract.http.gateway import Gateway
from tests.contract.http.test_roles import ROLES, Door, api, door
from tests.contract.http.test_terms import content

OF_ONE_ANSWER = {"Date", "X-Request-Id", "Transfer-Encoding"}


def read_by_get(there: Api) -> list[str]:
    table = there.operations()
    return [each.path for each in table if each.method == "GET" and each.media_type != STREAM]


async def asked(
    tried: Door, method: str, path: str, shown: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    answer = tried.client.request(method, f"/api/v1{path}", headers=shown)
    async with answer as answered:
        headers = {
            name: said for name, said in answered.headers.items() if name not in OF_ONE_ANSWER
        }
        return answered.status, headers, await answered.read()


async def same_of_both(tried: Door, path: str, shown: Mapping[str, str]) -> int:
    """Return the status that both are answered with, which has to be the same."""
    status, headers, _ = await asked(tried, "GET", path, shown)
    assert await asked(tried, "HEAD", path, shown) == (status, headers, b""), path
    return status


async def test_everybody_is_answered_alike_by_both(gateway: Gateway) -> None:
    async with door(gateway) as tried:
        photo = PutPhoto(sub=tried.user, image="iVBORw0KGgo=")
        await gateway.services.profile.put_photo(photo)
        found: dict[str, set[int]] = {role: set() for role in ROLES}
        for path in read_by_get(api(gateway)):
            filled = path.replace("{language}", "en").replace("{sub}", tried.user)
            filled = filled.replace("{id}", tried.user).replace("{flow}", "x")
            for role in ROLES:
                token = tried.tokens.get(role)
                shown = {"Authorization": f"Bearer {token}"} if token else {}
                found[role].add(await same_of_both(tried, filled, shown))
    assert {401, 410} <= found["nobody"]
    assert {200, 403} <= found["user"]
    assert {200, 404} <= found["admin"]


async def test_a_cookie_is_enough_as_it_is_for_get(gateway: Gateway) -> None:
    async with door(gateway) as tried:
        shown = {"Cookie": f"{SESSION_COOKIE}={tried.tokens['user']}"}
        assert await same_of_both(tried, "/me", shown) == 200


async def test_whoever_has_to_accept_terms_first_is_kept_out_of_both(
    gateway: Gateway,
) -> None:
    admin, writing = await gateway.admin(), gateway.terms.administration
    async with door(gateway) as tried:
        await writing.publish(admin, (await writing.add(admin, content(re_accept="at-once"))).id)
        shown = {"Authorization": f"Bearer {tried.tokens['user']}"}
        assert await same_of_both(tried, "/me/sessions", shown) == 403
        assert await same_of_both(tried, "/me/terms", shown) == 200


@pytest.mark.parametrize(("path", "allowed"), [("/sign-in", "POST"), ("/me/events", "GET")])
async def test_where_there_is_no_get_or_a_stream_there_is_none(
    gateway: Gateway, path: str, allowed: str
) -> None:
    async with door(gateway) as tried:
        shown = {"Authorization": f"Bearer {tried.tokens['user']}"}
        status, headers, body = await asked(tried, "HEAD", path, shown)
    assert (status, headers["Allow"], body) == (405, allowed, b"")
