"""What an admin does to a user, over the API of a running portal."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.e2e.portal import People, Portal, Someone, eventually, problem


def subject(portal: Portal, token: str) -> str:
    return str(portal.call("GET", "/me", token=token).json()["sub"])


def subjects_of_mails(portal: Portal, address: str) -> set[str]:
    return {str(mail["Subject"]) for mail in portal.mails_to(address)}


def test_a_record_is_changed_and_a_second_admins_change_is_not_overwritten(
    portal: Portal, people: People, robin: Someone, token: str
) -> None:
    sub = subject(portal, token)
    where = f"/admin/users/{sub}"
    listed = portal.call("GET", f"/admin/users?search={robin.user_id.upper()}", token=people.admin)
    assert [each["sub"] for each in listed.json()["items"]] == [sub]
    unfit = portal.call("GET", f"/admin/users?search={'x' * 101}", token=people.admin)
    assert problem(unfit, 422, "invalid-request")["errors"][0]["field"] == "search"
    read = portal.call("GET", where, token=people.admin)
    shown, tag = read.json(), {"If-Match": read.headers["ETag"]}
    assert (shown["groups"], shown["disabled"]) == ([], False)
    assert shown["registered"] == {"mfa": False, "reset": None, "methods": []}
    body = {"office": "Bremen", "groups": ["sales"], "emails": [f"new-{robin.user_id}"]}
    changed = portal.call("PATCH", where, body=body, token=people.admin, headers=tag)
    assert {name: changed.json()[name] for name in body} == body
    assert changed.headers["ETag"] != read.headers["ETag"]
    late = portal.call("PATCH", where, body={"office": None}, token=people.admin, headers=tag)
    problem(late, 412, "changed-meanwhile")
    emptied = portal.call("PATCH", where, body={"office": None}, token=people.admin)
    assert emptied.json()["office"] is None
    for bad in ({"user_id": "other"}, {"display_name": None}, {"emails": ["no address"]}):
        answer = portal.call("PATCH", where, body=bad, token=people.admin)
        assert problem(answer, 422, "invalid-request")["errors"]
    if portal.maildir is not None:
        for address in (robin.user_id, f"new-{robin.user_id}"):
            eventually(partial(subjects_of_mails, portal, address))


def test_a_disabled_user_is_out_at_once_until_they_are_enabled(
    portal: Portal, people: People, robin: Someone, token: str
) -> None:
    where = f"/admin/users/{subject(portal, token)}"
    disabled = portal.call("POST", f"{where}/disable", token=people.admin)
    assert (disabled.status_code, set(disabled.json())) == (202, {"receipt"})
    assert not portal.is_accepted(token)
    wrong = problem(portal.sign_in(robin.user_id, "wrong"), 401, "sign-in-refused")
    right = problem(portal.sign_in(robin.user_id, robin.password), 401, "sign-in-refused")
    assert right == wrong
    assert portal.call("GET", where, token=people.admin).json()["disabled"]
    assert portal.call("POST", f"{where}/enable", token=people.admin).status_code == 204
    again = portal.token(robin.user_id, robin.password)
    receipts = portal.call("GET", "/me/receipts", token=again).json()["items"]
    assert [each["cause"] for each in receipts] == ["account-disabled"]
    signed_out = portal.call("POST", f"{where}/sign-out", token=people.admin)
    assert (signed_out.status_code, set(signed_out.json())) == (202, {"receipt"})
    assert not portal.is_accepted(again)
    if portal.maildir is not None:
        eventually(lambda: len(subjects_of_mails(portal, robin.user_id)) == 3)


def test_a_temporary_password_is_said_once_and_changed_at_the_next_sign_in(
    portal: Portal, people: People, robin: Someone, token: str
) -> None:
    where = f"/admin/users/{subject(portal, token)}/temporary-password"
    given = portal.call("POST", where, body={}, token=people.admin)
    assert (given.status_code, set(given.json())) == (200, {"receipt", "password"})
    assert not portal.is_accepted(token)
    problem(portal.sign_in(robin.user_id, robin.password), 401, "sign-in-refused")
    waiting = portal.sign_in(robin.user_id, given.json()["password"]).json()
    assert (waiting["state"], waiting["action"]) == ("action-required", "change-password")
    chosen = portal.call("POST", where, body={"password": "short"}, token=people.admin)
    problem(chosen, 422, "password-refused")
    chosen = portal.call("POST", where, body={"password": robin.new_password()}, token=people.admin)
    assert set(chosen.json()) == {"receipt"}


def test_a_deleted_user_is_gone_and_their_user_id_is_not_free_yet(
    portal: Portal, people: People, robin: Someone, token: str
) -> None:
    where = f"/admin/users/{subject(portal, token)}"
    assert portal.call("DELETE", where, token=people.admin).status_code == 204
    assert not portal.is_accepted(token)
    problem(portal.sign_in(robin.user_id, robin.password), 401, "sign-in-refused")
    problem(portal.call("GET", where, token=people.admin), 404, "not-found")
    body = {"user_id": robin.user_id, "display_name": "Robin Vale", "emails": []}
    problem(portal.call("POST", "/admin/users", body=body, token=people.admin), 409, "user-exists")


def test_of_many_who_enable_a_user_at_once_nobody_is_told_to_come_again(
    portal: Portal, people: People, robin: Someone, token: str
) -> None:
    where = f"/admin/users/{subject(portal, token)}"
    for _ in range(3):
        assert portal.call("POST", f"{where}/disable", token=people.admin).status_code == 202
        enable = partial(portal.call, "POST", f"{where}/enable", token=people.admin)
        with ThreadPoolExecutor(20) as pool:
            answers = [each.result() for each in [pool.submit(enable) for _ in range(20)]]
        assert {each.status_code for each in answers} == {204}
        assert not portal.call("GET", where, token=people.admin).json()["disabled"]
        portal.token(robin.user_id, robin.password)
