"""`python -m deploy.organization`: begin a real installation with an organization and its admin.

Run again it completes what was left half done, and changes nothing where all is done.
"""

import argparse
import asyncio
import secrets
import sys

from pydantic import SecretStr, ValidationError

from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.profile import ProfileClient
from services.gateway.config import GatewayConfig
from services.gateway.forms import AddUserBody
from shared import problems
from shared.contracts.credentials import EnrollAccount
from shared.contracts.profile import AddPerson, Helpdesk, ListPeople, PutOrganization
from shared.contracts.refusals import InvalidRequest, Refusal

WORDS = {
    "user-exists": "Somebody has this user ID already. Nothing was changed about them.",
    "invalid-request": "This cannot be used: {fields}. Nothing was changed.",
    "service-unavailable": "A service does not answer. Run this again when it does.",
}


class OrganizationExistsError(Exception):
    """The organization has other people than the admin to begin with."""


async def begin(
    profile: ProfileClient,
    credentials: CredentialsClient,
    organization: PutOrganization,
    admin: AddPerson,
) -> str:
    """Create both and return the admin's temporary password."""
    password = secrets.token_urlsafe(18)
    there = await profile.list(ListPeople(organization=organization.id, limit=2))
    if any(each.user_id != admin.user_id for each in there.items):
        raise OrganizationExistsError("The organization has people already. Nothing was changed.")
    # With its admin there the organization is, too, and may have been renamed since.
    if not there.items:
        await profile.put_organization(organization)
    added = await profile.add(admin)
    account = EnrollAccount(
        sub=added.sub,
        user_id=admin.user_id,
        password=SecretStr(password),
        temporary=True,
        organization=organization.id,
    )
    await credentials.enroll(account)
    return password


def said(refusal: Refusal) -> str:
    """Return what the operator reads of a refusal."""
    fields = ", ".join(each["field"] for each in refusal.errors)
    return WORDS.get(refusal.type, refusal.type).format(fields=fields)


def asked(argv: list[str]) -> tuple[PutOrganization, AddPerson]:
    """Read the command line, or raise ValidationError as the API would refuse it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.organization")
    for option in ("id", "name", "helpdesk", "admin", "admin-name"):
        parser.add_argument(f"--{option}", required=True)
    given = parser.parse_args(argv)
    organization = PutOrganization(
        id=given.id, name=given.name, helpdesk=Helpdesk(name=given.name, email=given.helpdesk)
    )
    admin = AddUserBody(
        user_id=given.admin,
        display_name=given.admin_name,
        emails=(given.admin,),
        roles=("admin",),
    )
    return organization, AddPerson(
        organization=given.id, **admin.model_dump(exclude={"password", "temporary"})
    )


async def _begin(config: GatewayConfig, organization: PutOrganization, admin: AddPerson) -> str:
    key = config.service_key.get_secret_value()
    async with peer.connect() as session:
        return await begin(
            ProfileClient(Peer(session, config.profile_url, key)),
            CredentialsClient(Peer(session, config.credentials_url, key)),
            organization,
            admin,
        )


def main() -> None:
    """Create both and say how the admin gets in, or why not."""
    config = GatewayConfig()
    try:
        organization, admin = asked(sys.argv[1:])
        password = asyncio.run(_begin(config, organization, admin))
    except ValidationError as error:
        sys.exit(said(InvalidRequest(errors=problems.field_errors(error))))
    except OrganizationExistsError as error:
        sys.exit(str(error))
    except Refusal as refusal:
        sys.exit(said(refusal))
    print(f"{config.public_url}: sign in as {admin.user_id} with the temporary password {password}")


if __name__ == "__main__":
    main()
