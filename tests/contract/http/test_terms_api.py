"""Terms of use over the API itself: bodies, tags, files, and what open sessions are told."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from shared.contracts.terms import LargestTerms, LongestTerms
from tests.contract.http.gateway import OLD, Gateway
from tests.contract.http.test_roles import Door, door
from tests.contract.http.test_terms import Halden, halden

__all__ = ["halden"]

Client = TestClient[web.Request, web.Application]
TEXT = {"language": "en", "title": "House rules", "text": "Be *kind*."}
BODY: dict[str, Any] = {"required": True, "re_accept": "at-once", "texts": [TEXT]}


@pytest.fixture
async def opened(gateway: Gateway) -> AsyncIterator[Door]:
    async with door(gateway) as there:
        yield there


class Api:
    """Calls as somebody."""

    def __init__(self, opened: Door, role: str) -> None:
        self.client, self.shown = opened.client, {"Authorization": f"Bearer {opened.tokens[role]}"}

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, Any]:
        sent = self.shown | {name.replace("_", "-"): value for name, value in headers.items()}
        url, content = f"/api/v1{path}", None
        if body is not None:
            # Handed over as a file, since the client warns of large bodies otherwise.
            sent["Content-Type"] = "application/json"
            content = io.BytesIO(json.dumps(body, ensure_ascii=False).encode())
        async with self.client.request(method, url, data=content, headers=sent) as answer:
            is_json = "json" in answer.content_type
            said = await answer.json(content_type=None) if is_json else await answer.text()
            return answer.status, said, answer.headers


@pytest.fixture
def admin(opened: Door) -> Api:
    return Api(opened, "admin")


@pytest.fixture
def user(opened: Door) -> Api:
    return Api(opened, "user")


async def published(admin: Api, **more: Any) -> str:
    _, document, _ = await admin("POST", "/admin/terms", BODY | more)
    path = f"/admin/terms/{document['id']}"
    status, _, _ = await admin("POST", f"{path}/publish", {})
    assert status == 200
    return str(document["id"])


async def test_open_sessions_get_no_further_until_it_is_accepted(admin: Api, user: Api) -> None:
    assert (await user("GET", "/me"))[0] == 200
    document = await published(admin)
    for method, path in (("GET", "/me"), ("GET", "/me/sessions"), ("GET", "/me/receipts/x")):
        status, problem, _ = await user(method, path)
        assert (status, problem["type"]) == (403, "/problems/terms-required")
        assert problem["terms"] == [{"id": document, "version": 1, "title": "House rules"}]
    assert (await admin("GET", "/admin/terms"))[1]["type"] == "/problems/terms-required"
    (item,) = (await user("GET", "/me/terms"))[1]["items"]
    assert item.items() >= {
        "id": document, "title": "House rules", "version": 1, "language": "en", "required": True,
        "accepted_at": None, "expires_at": None,
    }.items()  # fmt: skip
    assert (await user("GET", f"/me/terms/{document}"))[1]["text"] == "Be *kind*."
    status, item, _ = await user("POST", f"/me/terms/{document}/accept", {"version": 1})
    assert (status, item["to_accept"]) == (200, False)
    assert (await user("GET", "/me"))[0] == 200
    (decided,) = (await user("GET", "/me/terms/history"))[1]["items"]
    assert (decided["version"], decided["decision"]) == (1, "accepted")


async def test_whoever_has_to_accept_something_can_sign_out(admin: Api, user: Api) -> None:
    await published(admin)
    assert (await user("POST", "/sign-out"))[0] == 204


async def test_the_sign_in_asks_with_ids_versions_and_titles(admin: Api, opened: Door) -> None:
    document = await published(admin)
    client = opened.client
    name = {"user_id": "robin@halden.example", "password": OLD}
    begun = await (await client.post("/api/v1/sign-in", json=name)).json()
    named = {"id": document, "version": 1}
    assert begun["action"] == "accept-terms"
    assert begun["terms"] == [named | {"title": "House rules"}]
    act = f"/api/v1/sign-in/{begun['flow']}/action"
    again = await (await client.post(act, json={"terms": []})).json()
    assert again["terms"] == begun["terms"]
    act = f"/api/v1/sign-in/{again['flow']}/action"
    assert (await client.post(act, json={"terms": [named], "skip": True})).status == 422
    done = await (await client.post(act, json={"terms": [named]})).json()
    assert done["state"] == "complete"


async def test_who_declines_is_not_signed_in(admin: Api, opened: Door) -> None:
    await published(admin)
    name = {"user_id": "robin@halden.example", "password": OLD}
    begun = await (await opened.client.post("/api/v1/sign-in", json=name)).json()
    act = f"/api/v1/sign-in/{begun['flow']}/action"
    declined = await opened.client.post(act, json={"decline": True})
    assert declined.status == 403
    assert (await declined.json(content_type=None))["type"] == "/problems/terms-declined"
    assert (await opened.client.post(act, json={"decline": True})).status == 410


async def test_a_draft_is_replaced_under_its_tag(admin: Api) -> None:
    status, document, headers = await admin("POST", "/admin/terms", BODY)
    assert (status, headers["ETag"]) == (201, '"1"')
    path = f"/admin/terms/{document['id']}"
    status, _, headers = await admin("PUT", path, BODY, If_Match='"1"')
    assert (status, headers["ETag"]) == (200, '"2"')
    for method, each, body in (
        ("PUT", path, BODY), ("POST", f"{path}/publish", {}), ("DELETE", path, None),
    ):  # fmt: skip
        status, problem, _ = await admin(method, each, body, If_Match='"1"')
        assert (status, problem["type"]) == (412, "/problems/changed-meanwhile")
    assert (await admin("DELETE", path, If_Match='"2"'))[0] == 204
    assert (await admin("GET", path))[0] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"re_accept": "soon"}, "re_accept"),
        ({"valid_days": 0}, "valid_days"),
        ({"texts": [TEXT, TEXT]}, "texts"),
        ({"texts": [TEXT | {"language": "xx"}]}, "texts.0.language"),
        ({"texts": [TEXT | {"title": " "}]}, "texts.0.title"),
        ({"texts": [TEXT | {"text": "a\u202eb"}]}, "texts.0.text"),
        ({"texts": [TEXT | {"text": "x" * (LongestTerms + 1)}]}, "texts.0.text"),
        (
            {
                "texts": [
                    TEXT | {"language": each, "text": "文" * LongestTerms}
                    for each in ("zh", "ja", "ko")
                ]
            },
            "texts",
        ),
        ({"organization": "elsewhere"}, "organization"),
    ],
)
async def test_what_is_unfit_is_refused_by_its_field(
    admin: Api, change: dict[str, Any], field: str
) -> None:
    status, problem, _ = await admin("POST", "/admin/terms", BODY | change)
    assert status == 422
    assert [each["field"] for each in problem["errors"]] == [field]
    assert (await admin("GET", "/admin/terms"))[1]["items"] == []


async def test_texts_may_be_as_long_as_is_said(admin: Api, user: Api) -> None:
    texts = [
        {"language": "zh", "title": "规则", "text": "文" * LongestTerms},
        {"language": "en", "title": "Rules", "text": ('"' * 60 + "\\" * 20 + "\n") * 2469},
    ]
    assert sum(len(each["text"].encode()) for each in texts) < LargestTerms
    document = await published(admin, texts=texts, required=False)
    status, read, _ = await user("GET", f"/me/terms/{document}", Accept_Language="zh")
    assert (status, read["text"]) == (200, texts[0]["text"])
    too_much = BODY | {"texts": [TEXT | {"text": "x" * 5_000_000}]}
    status, problem, _ = await admin("POST", "/admin/terms", too_much)
    assert (status, problem["type"]) == (413, "/problems/payload-too-large")


async def test_the_exported_file_runs_nowhere(halden: Halden, gateway: Gateway) -> None:
    async with door(gateway) as there:
        await gateway.add("eve", display_name='=HYPERLINK("http://x")')
        document = await halden.publish(required=False)
        eve = await gateway.caller("eve")
        await halden.own.accept(eve, document.id, 1, ("de",))
        path = f"/admin/terms/{document.id}/acceptances"
        status, text, headers = await Api(there, "admin")("GET", f"{path}/export")
        page = (await Api(there, "admin")("GET", f"{path}?status=accepted"))[1]
        wrong = await Api(there, "admin")("GET", f"{path}?status=all")
    assert status == 200
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    row, *rest = csv.DictReader(io.StringIO(text))
    assert row["display_name"] == '\'=HYPERLINK("http://x")'
    assert (row["decision"], row["version"], row["language"]) == ("accepted", "1", "de")
    # Everybody else follows, since they are missing.
    assert {(each["decision"], each["version"], each["at"]) for each in rest} == {
        ("missing", "1", "")
    }
    missing = {each["user_id"] for each in rest}
    assert missing > {"kim@halden.example", "ada@halden.example"}
    assert not missing & {"eve@halden.example", "zoe@halden.example"}
    assert [each["user_id"] for each in page["items"]] == ["eve@halden.example"]
    assert wrong[0] == 422


async def test_an_id_that_nothing_can_have_is_not_found(admin: Api) -> None:
    for path in ("/me/terms/", "/admin/terms/"):
        assert (await admin("GET", path + "0" * 200))[0] == 404
    export = f"/admin/terms/{'0' * 200}/acceptances/export"
    assert (await admin("GET", export))[0] == 404


async def test_what_would_take_too_long_to_be_shown_is_not_kept(
    admin: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, document, _ = await admin("POST", "/admin/terms", BODY)
    monkeypatch.setattr("services.gateway.markdown_rules._MOST_SECONDS", 0.05)
    slow = BODY | {"texts": [TEXT | {"text": "![" * 50_000}]}
    path = f"/admin/terms/{document['id']}"
    for method, each in (("POST", "/admin/terms"), ("PUT", path)):
        status, problem, _ = await admin(method, each, slow)
        assert (status, problem["type"]) == (422, "/problems/terms-too-complex")
    (item,) = (await admin("GET", "/admin/terms"))[1]["items"]
    assert item["revision"] == 1
