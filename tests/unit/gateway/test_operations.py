"""Operations: who may call them, their pages, and the one form of every refusal."""

import pytest
import structlog.testing
from aiohttp import encode_basic_auth

from tests.unit.gateway.sessions import token_of
from tests.unit.gateway.system import Client, System, make, problem_of


@pytest.mark.parametrize(("query", "limit"), [("", 50), ("limit=1", 1), ("limit=200", 200)])
async def test_a_page_has_one_to_two_hundred_items(client: Client, query: str, limit: int) -> None:
    answered = await client.get(f"/api/v1/things?{query}")
    assert await answered.text() == f"[{limit}]"


@pytest.mark.parametrize(
    "limit",
    [
        "0", "201", "-1", "", "x", "1.5", "1e2", "+1", "%20", "\u0665", "9" * 5000, "0x10", "1_0",
        "000000001" + "0" * 5000, "0" * 6000 + "1",
    ],
)  # fmt: skip
async def test_any_other_limit_is_refused(client: Client, limit: str) -> None:
    answered = await client.get(f"/api/v1/things?limit={limit}")
    document = await problem_of(answered, 422, "invalid-request")
    assert document["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(("query", "after"), [("", "None"), ("after=", "None"), ("after=x", "x")])
async def test_a_page_begins_after_its_cursor(client: Client, query: str, after: str) -> None:
    answered = await client.get(f"/api/v1/pages?{query}")
    assert await answered.text() == after


@pytest.mark.parametrize(("query", "chosen"), [("", "name"), ("by=", "name"), ("by=age", "age")])
async def test_a_choice_is_the_usual_one_unless_another_is_named(
    client: Client, query: str, chosen: str
) -> None:
    answered = await client.get(f"/api/v1/sorts?{query}")
    assert await answered.text() == chosen


@pytest.mark.parametrize("named", ["size", "AGE", "name,age"])
async def test_what_is_no_choice_is_refused(client: Client, named: str) -> None:
    answered = await client.get(f"/api/v1/sorts?by={named}")
    (error,) = (await problem_of(answered, 422, "invalid-request"))["errors"]
    assert (error["field"], error["reason"]) == ("by", "not-a-choice")


@pytest.mark.parametrize("query", ["limit=1&limit=1", "limit=&limit=2", "after=x&after="])
async def test_a_parameter_that_is_given_twice_is_refused(client: Client, query: str) -> None:
    name = query.partition("=")[0]
    path = "/api/v1/things" if name == "limit" else "/api/v1/pages"
    document = await problem_of(await client.get(f"{path}?{query}"), 422, "invalid-request")
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == (name, "repeated")
    assert error["message"] == "This may be given only once."


async def test_a_receipt_is_for_a_session_whatever_token_comes_with_it(
    client: Client, ada: dict[str, str]
) -> None:
    for token in ({}, {"Receipt-Token": ""}, {"Receipt-Token": "an old one"}):
        answered = await client.get("/api/v1/receipts/1", headers=ada | token)
        assert await answered.json() == "ada"


async def test_without_a_session_a_receipt_is_for_who_shows_a_token(client: Client) -> None:
    for shown in ({}, {"Authorization": "Bearer of.an.ended-session-that-was"}):
        token = {"Receipt-Token": "a token"}
        answered = await client.get("/api/v1/receipts/1", headers=shown | token)
        assert await answered.json() is None
        answered = await client.get("/api/v1/receipts/1", headers=shown | {"Receipt-Token": ""})
        await problem_of(answered, 401, "session-required")


async def test_what_is_no_use_of_a_session_does_not_renew_it(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await client.get("/api/v1/events", headers=ada)
    await client.get("/api/v1/receipts/1", headers=ada)
    assert [asked.renew for asked in system.sessions.asked] == [False, True]


async def test_the_log_names_the_route_and_not_the_flow(client: Client) -> None:
    with structlog.testing.capture_logs() as written:
        await problem_of(await client.post("/api/v1/flows/hunter2"), 503, "service-unavailable")
    assert "hunter2" not in str(written)
    assert [each["route"] for each in written] == ["/api/v1/flows/{flow}"]


async def test_another_method_is_refused_with_those_there_are(client: Client) -> None:
    answered = await client.put("/api/v1/things")
    await problem_of(answered, 405, "method-not-allowed")
    assert answered.headers["Allow"] == "GET, HEAD, POST"


async def test_nothing_is_at_an_unknown_address(client: Client) -> None:
    await problem_of(await client.get("/api/v1/nothing"), 404, "not-found")


async def test_who_is_not_signed_in_is_told_before_the_body_is_read(
    system: System, client: Client
) -> None:
    answered = await client.post("/api/v1/things", data=b"nonsense")
    await problem_of(answered, 401, "session-required")
    assert answered.headers["WWW-Authenticate"] == 'Bearer error="session-required"'


@pytest.mark.asvs("8.2.1", "8.3.1")
async def test_who_is_no_admin_is_refused(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    eve = {"Authorization": f"Bearer {token_of(system.sessions.begin('eve'))}"}
    await problem_of(await client.post("/api/v1/rule", headers=eve), 403, "not-allowed-by-policy")
    assert system.calls == []
    assert (await client.post("/api/v1/rule", headers=ada)).status == 202
    assert system.calls[0].admin.sub == "ada"


async def test_a_mistake_of_ours_tells_nothing_about_itself(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.fails.append(ValueError("the password is hunter2"))
    answered = await make(client, ada)
    await problem_of(answered, 500, "internal-error")
    assert "hunter2" not in await answered.text()


async def test_a_problem_is_told_in_the_readers_language(client: Client) -> None:
    german = await client.get("/api/v1/nothing", headers={"Accept-Language": "de"})
    english = await client.get("/api/v1/nothing", headers={"Accept-Language": "en"})
    assert (await german.json(content_type=None))["title"] != (
        await english.json(content_type=None)
    )["title"]


async def test_the_api_answers_browsers_with_problems_and_pages_with_pages(
    client: Client,
) -> None:
    html = {"Accept": "text/html"}
    await problem_of(await client.get("/api/v1/nothing", headers=html), 404, "not-found")
    page = await client.get("/nothing", headers=html)
    assert (page.status, page.content_type) == (404, "text/html")


async def test_every_answer_is_guarded(client: Client, ada: dict[str, str]) -> None:
    ids = set()
    for answered in (
        await make(client, ada),
        await client.get("/api/v1/nothing"),
        await client.put("/api/v1/things"),
        await client.get("/nothing", headers={"Accept": "text/html"}),
    ):
        headers = answered.headers
        ids.add(headers["X-Request-Id"])
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert len(ids) == 4
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_a_clients_own_request_id_is_not_believed(client: Client) -> None:
    answered = await client.get("/api/v1/nothing", headers={"X-Request-Id": "forged"})
    assert answered.headers["X-Request-Id"] != "forged"


async def test_what_is_for_servers_is_for_nobody_else(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    for shown in ({}, ada, {"Authorization": encode_basic_auth("mail", "a guess")}):
        refused = await client.post("/api/v1/asked", headers=shown)
        await problem_of(refused, 401, "client-refused")
        assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert system.calls == []
    known = {"Authorization": encode_basic_auth("mail", "what the mail server shows")}
    for _ in range(2):
        # Nothing that was answered is kept, or it would outlive what it says.
        answered = await client.post("/api/v1/asked", headers=known | {"Idempotency-Key": "one"})
        assert answered.status == 202
    assert len(system.calls) == 2


async def test_head_is_a_use_of_the_session_where_get_is(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await client.head("/api/v1/events", headers=ada)
    answered = await client.head("/api/v1/receipts/1", headers=ada)
    assert (answered.status, answered.headers["Content-Length"]) == (200, "5")
    assert await answered.read() == b""
    assert [asked.renew for asked in system.sessions.asked] == [False, True]


async def test_no_key_is_used_up_by_what_changes_nothing(
    client: Client, ada: dict[str, str]
) -> None:
    keyed = ada | {"Idempotency-Key": "of a change to come"}
    assert (await client.head("/api/v1/things", headers=keyed)).status == 200
    assert (await make(client, keyed)).status == 202
