"""Whoever is erased is found in no store afterwards, whatever dies on the way."""

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from shared.contracts.credentials import EnrollAccount
from shared.contracts.personal_data import KEEPERS
from shared.contracts.profile import AddPerson, PutPhoto
from shared.contracts.users import ChangeUser, RecordChanges
from tests.fault.portal import ORGANIZATION, Portal, User, fresh_password
from tests.fault.test_secrets_at_rest import (
    everything_kept,
    is_asked_them,
    lives_through_everything,
)

ROOT = Path(__file__).resolve().parents[2]
AGENT, DEVICE, ADDRESS = "Marzipan/7.3 (a very rare one)", "grandmother's tablet", "203.0.113.77"
RECORD = RecordChanges(
    display_name="Quillon Vantongeren",
    job_title="Keeper of the lighthouse",
    office="Room 417b, east wing",
    phones=("+49 30 5550417",),
)
PHOTO = base64.b64encode(b"\x89PNG\r\n\x1a\n a picture of nobody else").decode()
MARKS = [
    AGENT, "Marzipan", DEVICE, ADDRESS, "Vantongeren", "lighthouse", "Room 417b", "5550417", PHOTO,
]  # fmt: skip
_OF_MONGO = ("local.", "config.image_collection")
"""What each client changed last, which MongoDB forgets by itself, and no service can read."""


def command(portal: Portal, service: str, *words: str) -> tuple[int, str]:
    """Run a command of a service as an operator does; return how it ends and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}", *words],
        env=portal.stack.env_of(service), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


async def told_of(portal: Portal, name: str) -> dict[str, list[dict[str, Any]]]:
    """Return what the operator can export of somebody."""
    status, said = await asyncio.to_thread(command, portal, "gateway", "export-user", name)
    assert status == 0
    told: dict[str, list[dict[str, Any]]] = json.loads(said)
    return told


async def erased(portal: Portal, name: str) -> tuple[int, str]:
    return await asyncio.to_thread(command, portal, "gateway", "erase-user", name)


def signs_in(portal: Portal, user: User, password: str) -> dict[str, Any]:
    body = {"user_id": user.user_id, "password": password, "device_name": DEVICE}
    headers = {"User-Agent": AGENT, "X-Forwarded-For": ADDRESS}
    url = f"{portal.stack.url}/api/v1/sign-in"
    said: dict[str, Any] = requests.post(url, json=body, headers=headers, timeout=30).json()
    return said


async def lives(portal: Portal, user: User) -> tuple[str, list[str]]:
    """Let somebody leave a trace wherever there can be one; return an old token and their secrets.

    What is their own is said in `MARKS`, and their user ID is part of their address.
    """
    change = ChangeUser(sub=user.sub, organization=ORGANIZATION.id, changes=RECORD)
    await portal._profile.change_user(change)
    await portal._profile.put_photo(PutPhoto(sub=user.sub, image=PHOTO))
    await portal.allow_every_method()
    session = await asyncio.to_thread(signs_in, portal, user, user.password)
    for _ in range(2):
        await asyncio.to_thread(signs_in, portal, user, "nobody's guess at all")
    own = await asyncio.to_thread(lives_through_everything, portal, user.user_id, user.password)
    await portal.let_reset_by("security-questions")
    own += await asyncio.to_thread(is_asked_them, portal, user.user_id)
    return str(session["token"]), own


def found(portal: Portal, marks: list[str]) -> dict[str, set[str]]:
    """Return where which marks are found."""
    places: dict[str, set[str]] = {}
    for place, text in everything_kept(portal):
        if not place.startswith(_OF_MONGO):
            hits = {each for each in marks if each in text}
            if hits:
                places.setdefault(place, set()).update(hits)
    return places


async def joins(portal: Portal, user_id: str) -> User:
    """Give a user ID to somebody new."""
    record = AddPerson(organization=ORGANIZATION.id, user_id=user_id, display_name="Somebody new")
    added, password = await portal._profile.add(record), fresh_password()
    account = EnrollAccount(
        sub=added.sub, user_id=user_id, password=SecretStr(password), temporary=False,
        organization=ORGANIZATION.id,
    )  # fmt: skip
    await portal._credentials.enroll(account)
    return User(added.sub, user_id, password, "192.0.2.9")


async def test_nothing_of_somebody_who_is_erased_is_found_in_any_store(portal: Portal) -> None:
    (user,) = await portal.people(1, sessions=1)
    token, own = await lives(portal, user)
    marks = [*MARKS, user.user_id, user.user_id.partition("@")[0], user.address]
    exported = json.dumps(await told_of(portal, user.user_id), ensure_ascii=False)
    assert {each for each in own if each in exported and not each.endswith("?")} == set()
    assert {each for each in MARKS if each not in exported} == set()
    assert (await portal.ask("GET", "/me", token=token)).status == 401
    assert await asyncio.to_thread(found, portal, marks) != {}

    status, said = await erased(portal, user.user_id.upper())
    assert (status, said.count("keeps nothing any more")) == (0, len(KEEPERS)), said
    assert await asyncio.to_thread(found, portal, marks) == {}
    # Its pseudonym is in the trail, which is as good as it was, and keeps every token out.
    assert (await asyncio.to_thread(command, portal, "profile", "verify-audit"))[0] == 0
    pseudonymous = await asyncio.to_thread(found, portal, [user.sub])
    assert {"profile.audit", "profile.erasures", "epochs.epochs"} <= set(pseudonymous)
    databases = ("profile.", "credentials.", "sessions.", "epochs.")
    assert {each for each in pseudonymous if each.startswith(databases)} <= {
        "profile.audit", "profile.erasures", "epochs.epochs", "profile.outbox",
        "credentials.outbox", "sessions.outbox",
    }  # fmt: skip
    for each in (token, *user.tokens):
        assert (await portal.ask("GET", "/me", token=each)).status == 401

    again = await joins(portal, user.user_id)
    assert again.sub != user.sub
    assert (await portal.sign_in(again)).status == 200
    kept = await told_of(portal, user.user_id)
    assert [each["id"] for each in kept["person"]] == [again.sub]
    assert (len(kept["sign-ins"]), len(kept["devices"]), kept["mails"]) == (1, 1, [])
    # Asked for once more, by its pseudonym, it finds nothing to do, and nobody else.
    assert (await erased(portal, user.sub))[0] == 0
    assert (await portal.ask("GET", "/me", token=again.tokens[0])).status == 200


async def test_an_erasure_is_completed_by_services_that_died_half_way(portal: Portal) -> None:
    (user,) = await portal.people(1, sessions=2)
    pids = {each: portal.stack.pid(each) for each in KEEPERS}
    for each in KEEPERS:
        portal.stack.points[each].arm("before-erase", nth=2)
    for token in user.tokens:
        assert (await portal.ask("GET", "/me", token=token)).status == 200
    status, said = await erased(portal, user.user_id)
    assert (status, said.count("keeps nothing any more")) == (0, len(KEEPERS)), said
    assert all(portal.stack.pid(each) != pids[each] for each in KEEPERS)
    for token in user.tokens:
        assert (await portal.ask("GET", "/me", token=token)).status == 401
    assert await asyncio.to_thread(found, portal, [user.user_id, user.address]) == {}
