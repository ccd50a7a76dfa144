"""Whom people are told to contact, as an organization's admins say it."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.gateway.forms import PortalPolicyBody
from shared.contracts.events import Audited
from shared.contracts.policy import PortalPolicy
from shared.contracts.profile import GetPerson, Helpdesk, PutOrganization
from tests.contract.http.gateway import Gateway, refused

DESK = Helpdesk(
    name="Front desk", url="https://desk.example/", email="desk@halden.example", phone="112"
)


async def test_a_helpdesk_is_shown_to_everybody_and_outlasts_another_seed(gateway: Gateway) -> None:
    admin = await gateway.admin()
    before = await gateway.policies.portal(admin)
    put = await gateway.policies.put_portal(admin, PortalPolicy(helpdesk=DESK), (0,))
    assert (before.version, put.version, put.helpdesk) == (0, 1, DESK)
    await gateway.services.profile.put_organization(
        PutOrganization(id=admin.home_organization.id, name="Halden", helpdesk=Helpdesk())
    )
    shown = await gateway.services.profile.get(GetPerson(sub=admin.sub))
    assert (shown.helpdesk, shown.home_organization.helpdesk) == (DESK, DESK)
    assert (await gateway.policies.portal(admin)).helpdesk == DESK


async def test_a_second_admins_helpdesk_is_not_overwritten_and_the_trail_knows(
    gateway: Gateway,
) -> None:
    admin = await gateway.admin()
    await gateway.policies.put_portal(admin, PortalPolicy(helpdesk=DESK), (0,))
    other = PortalPolicy(helpdesk=Helpdesk(name="Other"))
    refusal = await refused(gateway.policies.put_portal(admin, other, (0,)))
    assert refusal.type == "changed-meanwhile"
    assert (await gateway.policies.portal(admin)).helpdesk == DESK
    told = gateway.services.memory.epochs.outbox.values()
    (entry,) = [each.payload for each in told if isinstance(each, Audited)]
    assert (entry.action, entry.details["policy"], entry.details["changed"]) == (
        *("replace-policy", "portal"),
        "helpdesk",
    )


@pytest.mark.parametrize(
    "desk",
    [
        {"url": "javascript:alert(1)"},
        {"url": "ftp://desk.example/"},
        {"url": 'https://desk.example/" onclick="x'},
        {"url": "https://" + "x" * 300},
        {"email": "nobody"},
        {"name": "   "},
        {"name": "a\u202eb"},
        {"phone": "1" * 201},
        {"fax": "1"},
    ],
)
def test_what_nobody_could_follow_is_refused(desk: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PortalPolicyBody.model_validate({"helpdesk": desk})


def test_a_helpdesk_need_not_have_everything() -> None:
    body = PortalPolicyBody.model_validate({"helpdesk": {"phone": "112"}})
    assert body.as_policy().helpdesk == Helpdesk(phone="112")
