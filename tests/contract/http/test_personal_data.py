"""Everything that is stored about somebody as one file, and erasing them everywhere."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from services.gateway import commands
from services.gateway.config import GatewayConfig
from services.gateway.personal_data import Erasing, as_json, pages_of
from services.gateway.step_up import RecentMinutes
from services.profile.erasures import Erasures
from shared.contracts.accounts import DeletedDays
from shared.contracts.events import AccountErased, AccountPurged, Audited
from shared.contracts.personal_data import (
    KEEPERS,
    AskErasure,
    MostItems,
    ReadErasure,
    ReadPersonalData,
)
from shared.contracts.refusals import NotFound, UnknownCursor
from tests.contract.http.gateway import WHERE, Gateway, refused
from tests.contract.http.services import KEY
from tests.contract.http.test_roles import api, application, token_of
from tests.memory.personal_data import MemoryErasures

Document = dict[str, Any]


def keep(gateway: Gateway) -> None:
    """Let each service keep something, one of them more than a page."""
    kept = gateway.services.memory.holdings
    kept["profile"][0].documents.append({"_id": "ada", "said": "Ada", "unsaid": "a note"})
    kept["credentials"][0].documents.append({"_id": "ada", "verifier": "$argon2id$secret"})
    rows = [{"_id": f"{number:04}", "said": number} for number in range(2 * MostItems + 1)]
    kept["sessions"][0].documents.extend(rows)


async def written(gateway: Gateway, sub: str) -> dict[str, list[Document]]:
    pages = as_json(pages_of(gateway.services.keepers, sub))
    content = b"".join([b"".join(piece.items) async for piece in pages])
    told: dict[str, list[Document]] = json.loads(content)
    return told


async def test_the_file_has_every_section_in_order_with_all_items_and_no_secret(
    gateway: Gateway,
) -> None:
    keep(gateway)
    told = await written(gateway, "ada")
    assert list(told) == ["person", "photo", "account", "sign-ins"]
    assert told["person"] == [{"id": "ada", "said": "Ada"}]
    assert told["photo"] == []
    assert told["account"] == [{"id": "ada", "kept_but_not_shown": ["verifier"]}]
    assert [each["said"] for each in told["sign-ins"]] == list(range(2 * MostItems + 1))


async def test_it_is_downloaded_by_who_showed_a_moment_ago_who_they_are(gateway: Gateway) -> None:
    keep(gateway)
    _, token = await token_of(gateway, "ada")
    app = application(gateway, api(gateway).operations())
    shown = {"Authorization": f"Bearer {token}"}
    async with TestClient(TestServer(app)) as client:
        got = await client.get("/api/v1/me/personal-data", headers=shown)
        assert (got.status, got.content_type) == (200, "application/json")
        assert got.headers["Content-Disposition"] == 'attachment; filename="personal-data.json"'
        assert len((await got.json())["sign-ins"]) == 2 * MostItems + 1
        gateway.services.memory.clock.advance(RecentMinutes * 60 + 1)
        late = await client.get("/api/v1/me/personal-data", headers=shown)
        assert (await late.json())["type"] == "/problems/step-up-required"


@pytest.mark.parametrize("after", ["", "x", "[9, null]", "[-1, null]", "{}", '["0", null]', "[0]"])
async def test_what_is_no_place_in_it_is_refused(gateway: Gateway, after: str) -> None:
    asked = gateway.services.memory.data("profile").read
    with pytest.raises(UnknownCursor):
        await asked(ReadPersonalData(sub="ada", after=after))


def erasing(gateway: Gateway) -> Erasing:
    services = gateway.services
    return Erasing(gateway.users, services.erasures, services.memory.clock)


def purges(store: MemoryErasures) -> list[str]:
    return [each.subject for each in store.outbox.values() if isinstance(each, AccountPurged)]


async def confirm(gateway: Gateway, sub: str, keepers: Iterable[Any] = KEEPERS) -> None:
    memory = gateway.services.memory
    erasures = Erasures(memory.erasures, memory.clock)
    for keeper in keepers:
        purged = AccountPurged.of(sub, at=memory.clock.now())
        await erasures.confirm(AccountErased.of(purged, keeper, at=memory.clock.now()))


async def test_who_is_erased_is_deleted_first_so_that_nothing_of_theirs_is_accepted(
    gateway: Gateway,
) -> None:
    await gateway.add("robin")
    caller = await gateway.caller("robin")
    memory = gateway.services.memory
    found = await erasing(gateway).find("Robin@halden.example")
    assert (found.sub, found.deleted) == (caller.sub, False)
    erasure = await erasing(gateway).erase(found)
    assert erasure.waits_for == KEEPERS
    assert memory.epochs.current(caller.sub) == caller.session.epoch + 1
    assert (await refused(gateway.acceptance.accept(caller.token, WHERE))).status == 401
    assert purges(memory.erasures) == [caller.sub]
    (audited,) = [each for each in memory.erasures.outbox.values() if isinstance(each, Audited)]
    assert (audited.payload.action, audited.payload.actor) == ("erase-user", None)
    assert audited.payload.details == {}
    # Asked again it is told again, and audited once.
    again = await erasing(gateway).erase(await erasing(gateway).find(caller.sub))
    assert again.sub == caller.sub
    assert purges(memory.erasures) == [caller.sub] * 2
    assert len(memory.erasures.outbox) == 3


async def test_the_last_admin_and_who_was_not_deleted_are_not_erased(gateway: Gateway) -> None:
    admin = await gateway.admin()
    found = await erasing(gateway).find(admin.user_id)
    assert (await refused(erasing(gateway).erase(found))).type == "last-admin"
    asked = gateway.services.erasures.ask(AskErasure(sub=admin.sub))
    assert (await refused(asked)).type == "not-deleted"
    for nobody in ("nobody", admin.sub):
        assert (await refused(erasing(gateway).find(nobody))).type == NotFound.type
    assert (await refused(asked_of(gateway, "nobody"))).type == NotFound.type
    assert gateway.services.memory.erasures.outbox == {}


async def asked_of(gateway: Gateway, sub: str) -> Any:
    return await gateway.services.erasures.read(ReadErasure(sub=sub))


async def test_who_was_deleted_is_purged_after_thirty_days_and_not_before(gateway: Gateway) -> None:
    admin, added = await gateway.admin(), await gateway.add("robin")
    memory = gateway.services.memory
    erasures = Erasures(memory.erasures, memory.clock)
    await gateway.users.delete(admin, added.sub)
    memory.clock.advance(DeletedDays * 24 * 3600)
    await erasures.work_off()
    assert purges(memory.erasures) == []
    memory.clock.advance(1)
    await erasures.work_off()
    await erasures.work_off()
    assert purges(memory.erasures) == [added.sub]


async def test_a_purge_is_told_until_all_have_confirmed_and_once_more_after_a_minute(
    gateway: Gateway,
) -> None:
    await gateway.add("robin")
    memory = gateway.services.memory
    erasures = Erasures(memory.erasures, memory.clock)
    sub = (await erasing(gateway).erase(await erasing(gateway).find("robin@halden.example"))).sub
    told = []
    for seconds in (29, 1, 30, 30):
        memory.clock.advance(seconds)
        await erasures.work_off()
        told.append(len(purges(memory.erasures)))
    assert told == [1, 2, 3, 4]
    await confirm(gateway, sub, KEEPERS[:2])
    memory.clock.advance(30)
    await erasures.work_off()
    await confirm(gateway, sub)
    for _ in range(3):
        memory.clock.advance(30)
        await erasures.work_off()
    assert len(purges(memory.erasures)) == 6
    await erasures.repeat([sub, "from-a-backup"])
    assert purges(memory.erasures)[-2:] == [sub, "from-a-backup"]
    assert [each.sub async for each in erasures.all()] == sorted([sub, "from-a-backup"])
    assert (await asked_of(gateway, "from-a-backup")).waits_for == KEEPERS


async def test_a_user_id_is_free_once_its_owner_is_erased_for_somebody_else(
    gateway: Gateway,
) -> None:
    added = await gateway.add("robin")
    memory = gateway.services.memory
    await erasing(gateway).erase(await erasing(gateway).find("robin@halden.example"))
    assert (await refused(gateway.add("robin"))).type == "user-exists"
    for kept in (memory.people.persons, memory.credentials.passwords):
        kept.pop(added.sub)
    assert (await gateway.add("robin")).sub != added.sub


@pytest.fixture
def config(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> GatewayConfig:
    told = {"REDIS_URL": "none", "RABBITMQ_URL": "none", "SECRET": "s" * 16, "SERVICE_KEY": KEY}
    urls = {f"{name.upper()}_URL": url for name, url in gateway.services.urls.items()}
    for name, value in (told | urls).items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    monkeypatch.setattr(commands, "_WAIT_SECONDS", 0.0)
    return GatewayConfig()


async def test_the_commands_say_what_is_and_end_with_1_where_a_service_has_not_confirmed(
    gateway: Gateway, config: GatewayConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    keep(gateway)
    sub = (await gateway.add("robin")).sub
    assert await commands.export_user(config, "robin@halden.example") == 0
    assert json.loads(capfd.readouterr().out)["person"] == [{"id": "ada", "said": "Ada"}]
    for name in ("nobody", "", "x" * 300, "\udcff"):
        for command in (commands.export_user, commands.erase_user):
            assert await command(config, name) == 1
            assert capfd.readouterr() == ("", "Nobody has this user ID.\n")
    assert await commands.erase_user(config, "robin@halden.example") == 1
    said = capfd.readouterr().out
    assert said.count("has not confirmed it yet") == len(KEEPERS)
    assert f"erase-user {sub}" in said
