"""Whoever reads the stores, the broker or the logs learns no secret."""

import asyncio
import base64
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pyotp
import requests
from pymongo import MongoClient
from redis import Redis

from tests.e2e.portal import code_in
from tests.fault.portal import MAIL_SERVER, Portal

# What is delivered, and the files of MongoDB, which are read as it returns them.
_IS_DELIVERED = {"mail", "sms.jsonl", "mongo"}
PASSWORD = "seven marmalade weathervanes"


def call(portal: Portal, method: str, path: str, body: object, token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex} if token else {}
    url = f"{portal.stack.url}/api/v1{path}"
    answer = requests.request(method, url, json=body, headers=headers, timeout=30)
    assert answer.status_code < 300, answer.text
    told: dict[str, Any] = answer.json()
    return told


def lives_through_everything(portal: Portal, user_id: str, old: str) -> list[str]:
    """Use every kind of secret there is, and return all of them."""
    sign_in = {"user_id": user_id, "password": old}
    token = call(portal, "POST", "/sign-in", sign_in)["token"]
    begun = call(portal, "POST", "/me/methods", {"kind": "authenticator", "label": "Phone"}, token)
    secret = begun["setup"]["secret"]
    while time.time() % 30 > 24:
        time.sleep(0.2)
    before = {"code": pyotp.TOTP(secret).at(int(time.time()) - 30)}
    call(portal, "POST", f"/me/methods/{begun['id']}/prove", before, token)
    codes = call(portal, "POST", "/me/methods", {"kind": "recovery-codes"}, token)["setup"]["codes"]
    messages = says_where_codes_go(portal, token)
    app_password = makes_app_password(portal, user_id, token)
    flow = call(portal, "POST", "/sign-in", sign_in)["flow"]
    now = {"code": pyotp.TOTP(secret).now()}
    done = call(portal, "POST", f"/sign-in/{flow}/answer", now)
    # One more is left half done.
    waiting = call(portal, "POST", "/sign-in", sign_in)["flow"]
    change = {"old_password": old, "new_password": PASSWORD}
    questions = asks_questions(portal, done["token"])
    receipt = call(portal, "POST", "/me/password", change, done["token"])
    raw = base64.b32decode(secret)
    tokens = [each.rpartition(".")[2] for each in (token, done["token"])]
    return [
        old, PASSWORD, secret, raw.hex(), raw.decode("latin-1"), *codes, flow, waiting, *tokens,
        done["device"]["key"], receipt["receipt_token"], *messages, *app_password, *questions,
    ]  # fmt: skip


def asks_questions(portal: Portal, token: str) -> list[str]:
    """Register questions and answers; return them."""
    asked = {
        "Which tune did the ferry's horn play?": "a slow polka",
        "What lay under the third stair at home?": "grandmother's chess clock",
        "Who always lost the oars?": "cousin benedikt",
    }
    answers = [{"question": each, "answer": answer} for each, answer in asked.items()]
    call(portal, "POST", "/me/methods", {"kind": "security-questions", "answers": answers}, token)
    return [*asked, *asked.values()]


def is_asked_them(portal: Portal, user_id: str) -> list[str]:
    """Begin a reset that waits for their answers; return what opens it."""
    flow = str(call(portal, "POST", "/password-reset", {"user_id": user_id})["flow"])
    url = f"{portal.stack.url}/api/v1/password-reset/{flow}"
    (method,) = requests.get(url, timeout=30).json()["methods"]
    waiting = call(portal, "POST", f"/password-reset/{flow}/method", {"id": method["id"]})
    assert len(waiting["questions"]) == 3
    return [flow]


def makes_app_password(portal: Portal, user_id: str, token: str) -> list[str]:
    """Make an app password and have it checked; return it, and what the server showed for that."""
    asked = {"kind": "app-password", "label": "Mail"}
    password = str(call(portal, "POST", "/me/methods", asked, token)["setup"]["password"])
    url = f"{portal.stack.url}/api/v1/app-passwords/check"
    for given, status in ((password, 200), (password[:-1], 401)):
        body = {"user_id": user_id, "app_password": given, "address": "192.0.2.7"}
        assert requests.post(url, json=body, auth=MAIL_SERVER, timeout=30).status_code == status
    shown = base64.b64encode(":".join(MAIL_SERVER).encode()).decode()
    return [password, password[:-1], password.replace("-", ""), MAIL_SERVER[1], shown]


def says_where_codes_go(portal: Portal, token: str) -> list[str]:
    """Add a number and an address, leave one half added; return them and every code sent."""
    number, other, address = "+494219937615", "+494219937626", "k.ahle@m.example"
    stack = portal.stack
    before = {*stack.maildir.glob("new/*")}
    added = {"kind": "sms", "number": number}
    begun = call(portal, "POST", "/me/methods", added, token)
    texts = stack.sms_file.read_text
    first = code_in(texts().splitlines()[-1])
    call(portal, "POST", f"/me/methods/{begun['id']}/prove", {"code": first}, token)
    call(portal, "POST", "/me/methods", {"kind": "email", "address": address}, token)
    call(portal, "POST", "/me/methods", {"kind": "voice", "number": other}, token)
    codes = [code_in(line) for line in texts().splitlines()]
    (mail,) = [
        text
        for file in {*stack.maildir.glob("new/*")} - before
        if address in (text := file.read_text())
    ]
    codes.append(code_in(mail))
    # Eight digits alone are in any log by chance.
    written = [
        each for code in codes for each in (f"{code[:4]} {code[4:]}", f'"{code}"', f"'{code}'")
    ]
    return [number[1:], other[1:], number[3:], other[3:], address, *written]


def everything_kept(portal: Portal) -> Iterator[tuple[str, str]]:
    """Go through the databases, Redis, and the files of the broker and the logs."""
    stack = portal.stack
    with MongoClient[dict[str, Any]](stack.mongo_url) as mongo:
        for database in mongo.list_database_names():
            for name in mongo[database].list_collection_names():
                for document in mongo[database][name].find():
                    yield f"{database}.{name}", f"{document!r}{_latin(document)}"
    with Redis.from_url(stack.redis_url) as redis:
        for key in redis.scan_iter():
            yield "redis", f"{key!r}{redis.dump(key)!r}"
    for file in stack.directory.rglob("*"):
        if file.is_file() and not _IS_DELIVERED & {*file.parts}:
            yield str(file.relative_to(stack.directory)), file.read_bytes().decode("latin-1")


def _latin(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return "".join(map(_latin, value.values()))
    return "".join(map(_latin, value)) if isinstance(value, list) else ""


async def test_no_secret_is_kept_where_somebody_could_read_it(portal: Portal) -> None:
    await portal.allow_every_method()
    (user,) = await portal.people(1, sessions=0)
    secrets = await asyncio.to_thread(lives_through_everything, portal, user.user_id, user.password)
    await portal.let_reset_by("security-questions")
    secrets += await asyncio.to_thread(is_asked_them, portal, user.user_id)
    await asyncio.sleep(1)
    kept = await asyncio.to_thread(lambda: list(everything_kept(portal)))
    places = {place.partition(".")[0] for place, _ in kept}
    assert {"credentials", "sessions", "profile", "epochs", "redis", "gateway"} <= places
    assert any("rabbit" in place for place in places), places
    found = {place for place, text in kept if any(each in text for each in secrets)}
    assert found == set()
