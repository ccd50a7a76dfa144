"""What admins do is in their trail, and no policy is overwritten unseen."""

from tests.e2e.portal import People, Portal, eventually, problem

PASSWORD = "/admin/policy/password"


def test_what_admins_do_is_in_the_trail_and_no_policy_is_overwritten(
    portal: Portal, people: People
) -> None:
    admin, somebody = portal.call("GET", "/me", token=people.admin).json(), people.add()
    read = portal.call("GET", PASSWORD, token=people.admin)
    tagged = {"If-Match": read.headers["ETag"]}
    put = portal.call("PUT", PASSWORD, body=read.json(), token=people.admin, headers=tagged)
    assert (put.status_code, put.json()) == (200, read.json())
    assert put.headers["ETag"] != read.headers["ETag"]
    late = portal.call("PUT", PASSWORD, body=read.json(), token=people.admin, headers=tagged)
    problem(late, 412, "changed-meanwhile")

    def told() -> bool:
        page = portal.call("GET", "/admin/audit?limit=200", token=people.admin).json()
        done = {(each["action"], each["subject"]["user_id"]) for each in page["items"]}
        return {("add-user", somebody.user_id), ("replace-policy", admin["user_id"])} <= done

    eventually(told)
    export = portal.call("GET", "/admin/audit/export?format=csv", token=people.admin)
    assert export.status_code == 200
    assert somebody.user_id in export.text
    token = portal.token(somebody.user_id, somebody.password)
    for path in ("/admin/audit", "/admin/audit/export", PASSWORD):
        problem(portal.call("GET", path, token=token), 403, "not-allowed-by-policy")
