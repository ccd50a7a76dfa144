"""Lists come in pages, and what begins no page is refused."""

import pytest

from tests.e2e.portal import People, Portal, Someone, problem

LISTS = ["/me/sessions", "/me/receipts", "/admin/users", "/admin/parked-events"]


@pytest.mark.parametrize("path", LISTS)
def test_a_page_is_of_one_to_two_hundred_items(portal: Portal, people: People, path: str) -> None:
    for most in (1, 200):
        page = portal.call("GET", f"{path}?limit={most}", token=people.admin).json()
        assert set(page) == {"items", "next"}
        assert len(page["items"]) <= most
    for limit in ("0", "201", "-1", "x", "", "1.0"):
        answer = portal.call("GET", f"{path}?limit={limit}", token=people.admin)
        document = problem(answer, 422, "invalid-request")
        assert [each["field"] for each in document["errors"]] == ["limit"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "after", ["nothing", "9" * 30, "9" * 5000, "%00", "%ff", "-1", "1", "$ne", "%20"]
)
def test_what_is_no_cursor_is_refused_by_its_name(
    portal: Portal, people: People, path: str, after: str
) -> None:
    answer = portal.call("GET", f"{path}?after={after}", token=people.admin)
    document = problem(answer, 422, "invalid-request")
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == ("after", "unknown-cursor")


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_another_list_is_refused_like_one_that_there_is_not(
    portal: Portal, people: People, robin: Someone, path: str
) -> None:
    token, _ = (portal.token(robin.user_id, robin.password) for _ in range(2))
    theirs = portal.call("GET", "/me/sessions?limit=1", token=token).json()["next"]
    users = portal.call("GET", "/admin/users?limit=1", token=people.admin).json()["next"]
    unknown = portal.call("GET", f"{path}?after=zzz", token=people.admin).json()
    for after in {theirs, users} - ({users} if path == "/admin/users" else set()):
        answer = portal.call("GET", f"{path}?after={after}", token=people.admin)
        assert problem(answer, 422, "invalid-request") == unknown


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=1&limit=1", "after=&after=", "after=x&after=y"])
def test_a_parameter_that_is_given_twice_is_refused(
    portal: Portal, people: People, path: str, query: str
) -> None:
    document = problem(
        portal.call("GET", f"{path}?{query}", token=people.admin), 422, "invalid-request"
    )
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == (query.partition("=")[0], "repeated")


def test_sessions_are_paged_without_loss_or_repetition(portal: Portal, robin: Someone) -> None:
    tokens = [portal.token(robin.user_id, robin.password) for _ in range(5)]
    seen: list[str] = []
    after = ""
    while after is not None:
        page = portal.call("GET", f"/me/sessions?limit=2&after={after}", token=tokens[0]).json()
        seen += [each["sid"] for each in page["items"]]
        after = page["next"]
    assert sorted(seen) == sorted(token.split(".")[1] for token in tokens)


def test_a_limit_of_any_length_is_refused_by_its_name(portal: Portal, token: str) -> None:
    answer = portal.call("GET", f"/me/sessions?limit=000000001{'0' * 5000}", token=token)
    document = problem(answer, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["limit"]
