"""`python -m deploy.organization`: begin a real installation with an organization and its admin."""

import argparse
import asyncio
import secrets

from pydantic import SecretStr

from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.profile import ProfileClient
from services.gateway.config import GatewayConfig
from shared.contracts.credentials import EnrollAccount
from shared.contracts.profile import AddPerson, Helpdesk, PutOrganization


async def begin(config: GatewayConfig, organization: PutOrganization, admin: AddPerson) -> str:
    """Create both and return the admin's temporary password; an admin who is there is refused."""
    key, password = config.service_key.get_secret_value(), secrets.token_urlsafe(18)
    async with peer.connect() as session:
        profile = ProfileClient(Peer(session, config.profile_url, key))
        await profile.put_organization(organization)
        added = await profile.add(admin)
        account = EnrollAccount(
            sub=added.sub, user_id=admin.user_id, password=SecretStr(password), temporary=True
        )
        await CredentialsClient(Peer(session, config.credentials_url, key)).enroll(account)
    return password


def main() -> None:
    """Read the command line, create both and say how the admin gets in."""
    parser = argparse.ArgumentParser(prog="python -m deploy.organization")
    for option in ("id", "name", "helpdesk", "admin", "admin-name"):
        parser.add_argument(f"--{option}", required=True)
    given = parser.parse_args()
    organization = PutOrganization(
        id=given.id, name=given.name, helpdesk=Helpdesk(name=given.name, email=given.helpdesk)
    )
    admin = AddPerson(
        organization=given.id,
        user_id=given.admin,
        display_name=given.admin_name,
        emails=(given.admin,),
        roles=("admin",),
    )
    config = GatewayConfig()
    password = asyncio.run(begin(config, organization, admin))
    print(f"{config.public_url}: sign in as {given.admin} with the temporary password {password}")


if __name__ == "__main__":
    main()
