"""Devices over the API: from the sign-in that makes one to the admin who enables it again."""

from datetime import datetime

from tests.e2e.portal import People, Portal, eventually, problem


def test_a_disabled_device_is_out_until_an_admin_enables_it(portal: Portal, people: People) -> None:
    robin = people.add()
    here = portal.token(robin.user_id, robin.password)
    there = portal.sign_in(robin.user_id, robin.password, device_name="Old laptop").json()
    listed = portal.call("GET", "/me/devices", token=here).json()["items"]
    assert listed[0]["name"] == "Old laptop"
    assert [each["current"] for each in listed] == [False, True]

    path = f"/me/devices/{there['device']['id']}/disable"
    problem(portal.call("POST", path, body={}, token=here), 422, "confirmation-required")
    once = {"Idempotency-Key": there["device"]["id"]}
    answers = [
        portal.call("POST", path, body={"confirm": True}, token=here, headers=once)
        for _ in range(2)
    ]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert not portal.is_accepted(there["token"])
    assert portal.is_accepted(here)
    receipt = portal.call("GET", f"/me/receipts/{answers[0].json()['receipt']}", token=here).json()
    (ended,) = receipt["sessions"]
    assert ended["sid"] == there["session"]
    told = (receipt["committed_at"], ended["ended_at"], receipt["completed_at"])
    assert sorted(map(datetime.fromisoformat, told)) == [*map(datetime.fromisoformat, told)]

    key = there["device"]["key"]
    problem(portal.sign_in(robin.user_id, "wrong", device_key=key), 401, "sign-in-refused")
    refused = portal.sign_in(robin.user_id, robin.password, device_key=key)
    assert problem(refused, 403, "device-disabled")["helpdesk"]["name"]
    # A key says nothing of who holds it: without it there is a device that nobody has seen yet.
    assert portal.sign_in(robin.user_id, robin.password).status_code == 200

    sub = portal.call("GET", "/me", token=here).json()["sub"]
    everything = portal.call("GET", f"/admin/users/{sub}/devices", token=people.admin).json()
    disabled = [each["id"] for each in everything["items"] if each["disabled_at"]]
    assert disabled == [there["device"]["id"]]
    enable = f"/admin/devices/{disabled[0]}/enable"
    assert portal.call("POST", enable, token=people.admin).status_code == 204
    assert portal.sign_in(robin.user_id, robin.password, device_key=key).status_code == 200
    if portal.maildir is not None:

        def subjects() -> set[str]:
            return {str(each["Subject"]) for each in portal.mails_to(robin.user_id)}

        both = {"You signed in on a new device", "A device of yours was disabled"}
        assert eventually(lambda: subjects() == both)
