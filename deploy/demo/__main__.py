"""`python -m deploy.demo`: load the demonstration organizations. Safe to run twice."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pyotp import TOTP

from services.credentials.totp import StepSeconds
from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.organizations import OrganizationsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.profile import ProfileClient
from services.gateway.config import GatewayConfig
from shared.contracts.audit import Actor
from shared.contracts.credentials import EnrollAccount
from shared.contracts.methods import EnrollAuthenticator, ListMethods, ProveMethod
from shared.contracts.organizations import (
    AnswerInvitation,
    InviteMember,
    ListInvitations,
    ListMembers,
    MembershipState,
)
from shared.contracts.profile import AddPerson, Helpdesk, ListPeople, PutOrganization, PutPhoto
from shared.contracts.refusals import Refusal

HERE = Path(__file__).parent
ORGANIZATION = PutOrganization(
    id="halden",
    name="Halden Logistics",
    helpdesk=Helpdesk(
        name="Halden Helpdesk",
        url="https://helpdesk.halden.example/",
        email="helpdesk@halden.example",
        phone="+49 421 5550 100",
    ),
)
PARTNER = PutOrganization(
    id="varde",
    name="Varde Shipping",
    helpdesk=Helpdesk(name="Varde Front Desk", email="desk@varde.example", phone="+47 5550 0200"),
)
GUESTS, INVITED = ("mei@halden.example",), ("jonas@halden.example",)
"""Who is a guest of the partner, and who is asked to be one."""


async def load(config: GatewayConfig) -> None:
    """Load the organizations, their people, photos and passwords; say who is left out."""
    key = config.service_key.get_secret_value()
    async with peer.connect() as session:
        profile = ProfileClient(Peer(session, config.profile_url, key))
        credentials = CredentialsClient(Peer(session, config.credentials_url, key))
        guests = OrganizationsClient(Peer(session, config.profile_url, key))
        for user_id in await bring_in(profile, credentials, _read("users.json")):
            print(f"{user_id} is left as they are, changed or deleted since.")
        await bring_in(profile, credentials, _read("partner_users.json"), PARTNER)
        await bring_guests(profile, guests)


def _read(name: str) -> list[dict[str, Any]]:
    users: list[dict[str, Any]] = json.loads((HERE / name).read_text())
    return users


async def bring_in(
    profile: ProfileClient,
    credentials: CredentialsClient,
    users: list[dict[str, Any]],
    organization: PutOrganization = ORGANIZATION,
) -> list[str]:
    """Bring these in, and return who is not, as they were changed or deleted since."""
    await profile.put_organization(organization)
    subs: dict[str, str] = {}
    left_out = []
    for user in users:
        manager = subs.get(user.get("manager", ""))
        known = {**user, "organization": organization.id, "manager": manager}
        try:
            subs[user["user_id"]] = await _load_user(profile, credentials, known, organization)
        except Refusal as refusal:
            if refusal.type != "user-exists":
                raise
            left_out.append(user["user_id"])
    return left_out


async def bring_guests(profile: ProfileClient, organizations: OrganizationsClient) -> None:
    """Let some be guests of the partner, where nobody was ever invited to it or is a guest."""
    admins = await profile.list(ListPeople(organization=PARTNER.id, limit=1))
    waiting = await organizations.invitations(ListInvitations(organization=PARTNER.id, limit=1))
    states = [
        await organizations.members(ListMembers(organization=PARTNER.id, state=state, limit=1))
        for state in get_args(MembershipState)
    ]
    if not admins.items or waiting.items or any(each.items for each in states):
        return
    by = Actor(sub=admins.items[0].sub, organization=PARTNER.id)
    for user_id in (*GUESTS, *INVITED):
        invitation = await organizations.invite(InviteMember(user_id=user_id, by=by))
        people = await profile.list(ListPeople(organization=ORGANIZATION.id, search=user_id))
        if user_id in GUESTS and people.items:
            answer = AnswerInvitation(sub=people.items[0].sub, id=invitation.id)
            await organizations.accept(answer)


async def _load_user(
    profile: ProfileClient,
    credentials: CredentialsClient,
    user: dict[str, Any],
    organization: PutOrganization,
) -> str:
    known = {name: user[name] for name in AddPerson.model_fields if name in user}
    added = await profile.add(AddPerson(**known))
    photo = HERE / "photos" / f"{user['user_id'].partition('@')[0]}.png"
    if photo.exists():
        image = base64.b64encode(photo.read_bytes()).decode()
        await profile.put_photo(PutPhoto(sub=added.sub, image=image))
    await _enroll(credentials, added.sub, user)
    if "totp_secret" in user:
        await _set_up(credentials, added.sub, user, organization)
    return added.sub


async def _enroll(credentials: CredentialsClient, sub: str, user: dict[str, Any]) -> None:
    account = EnrollAccount(
        sub=sub,
        user_id=user["user_id"],
        password=user["password"],
        temporary=user.get("temporary", False),
        organization=user["organization"],
    )
    try:
        await credentials.enroll(account)
    except Refusal as refusal:
        if refusal.type != "user-exists":
            raise


async def _set_up(
    credentials: CredentialsClient, sub: str, user: dict[str, Any], organization: PutOrganization
) -> None:
    """Give a person the authenticator that they come with, unless they have methods already."""
    if (await credentials.methods(ListMethods(sub=sub))).items:
        return
    setup = await credentials.enroll_authenticator(
        EnrollAuthenticator(
            sub=sub,
            label="Demonstration phone",
            issuer=organization.name,
            account=user["user_id"],
            secret=user["totp_secret"],
        )
    )
    # The code of the step before proves it as well, and leaves the one that is shown now to use.
    code = TOTP(user["totp_secret"]).at(datetime.now(UTC) - timedelta(seconds=StepSeconds))
    await credentials.prove(
        ProveMethod(
            sub=sub, id=setup.id, answer=SecretStr(code), address="127.0.0.1", sid="demonstration"
        )
    )


if __name__ == "__main__":
    asyncio.run(load(GatewayConfig()))
