"""A real installation is begun once, and beginning it again does no harm."""

import pytest
from pydantic import SecretStr, ValidationError

from deploy import organization
from services.profile.model import OrganizationRecord
from shared.contracts.credentials import VerifyPassword
from shared.contracts.profile import AddPerson, Helpdesk, PutOrganization
from shared.contracts.refusals import Refusal
from tests.contract.http.services import Services

ACME = PutOrganization(id="acme", name="Acme Ltd", helpdesk=Helpdesk(email="help@acme.example"))
ADA = AddPerson(
    organization="acme",
    user_id="ada@acme.example",
    display_name="Ada Marsh",
    emails=("ada@acme.example",),
    roles=("admin",),
)
OTHER = ADA.model_copy(update={"user_id": "eve@acme.example", "emails": ("eve@acme.example",)})


async def begin(services: Services, what: PutOrganization = ACME, who: AddPerson = ADA) -> str:
    return await organization.begin(services.profile, services.credentials, what, who)


@pytest.mark.asvs("6.4.1")
async def test_the_first_admin_gets_in_with_a_temporary_password(services: Services) -> None:
    password = await begin(services)
    verified = await services.credentials.verify(
        VerifyPassword(user_id=ADA.user_id, password=SecretStr(password), address="192.0.2.7")
    )
    assert verified.must_change
    assert services.memory.people.persons[verified.sub].record == ADA


RENAMED = ACME.model_copy(update={"name": "Renamed", "helpdesk": Helpdesk()})


async def test_run_again_it_says_so_and_changes_nothing(services: Services) -> None:
    await begin(services)
    before = repr((services.memory.people, services.memory.credentials))
    with pytest.raises(Refusal) as refused:
        await begin(services, RENAMED)
    assert "Nothing was changed" in organization.said(refused.value)
    assert repr((services.memory.people, services.memory.credentials)) == before


async def test_an_organization_that_has_people_gets_no_second_first_admin(
    services: Services,
) -> None:
    await begin(services)
    before = repr((services.memory.people, services.memory.credentials))
    with pytest.raises(organization.OrganizationExistsError, match="Nothing was changed"):
        await begin(services, RENAMED, OTHER)
    assert repr((services.memory.people, services.memory.credentials)) == before


async def test_what_was_left_half_done_is_completed(services: Services) -> None:
    await services.profile.put_organization(ACME)
    await services.profile.add(ADA)
    assert await begin(services)
    kept = OrganizationRecord("acme", "Acme Ltd", ACME.helpdesk)
    assert services.memory.people.organizations == {"acme": kept}


def test_the_command_line_is_read_as_the_api_would_read_it() -> None:
    argv = ["--id", "acme", "--name", "Acme Ltd", "--helpdesk", "help@acme.example"]
    argv += ["--admin", "ada@acme.example", "--admin-name"]
    what, who = organization.asked([*argv, "Ada Marsh"])
    assert (what.id, who) == ("acme", ADA)
    with pytest.raises(ValidationError):
        organization.asked([*argv, "\u3164"])


def test_a_refusal_is_said_in_words() -> None:
    refusal = Refusal(errors=[{"field": "emails.0", "reason": "unfit", "message": "unfit"}])
    refusal.type = "invalid-request"
    assert organization.said(refusal) == "This cannot be used: emails.0. Nothing was changed."
    assert organization.said(Refusal()) == "internal-error"
