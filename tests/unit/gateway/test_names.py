"""Which names a password must not be built from, as the record has them."""

from services.gateway.account import names_in
from shared.contracts.profile import AddPerson


def test_an_address_is_its_owners_before_the_at_and_the_organizations_after_it() -> None:
    record = AddPerson(
        organization="halden",
        user_id="jonas@halden.example",
        display_name="Jonas Brandt",
        emails=("j.brandt@halden.example", "jonas@home.example"),
    )
    words = names_in(record, organization="Halden Logistics")
    assert words.own == ("Jonas Brandt", "jonas", "j.brandt")
    assert words.organization == ("Halden Logistics", "halden.example", "home.example")


def test_a_user_id_that_is_no_address_is_a_name() -> None:
    record = AddPerson(organization="halden", user_id="jonas", display_name="Jonas")
    words = names_in(record, organization="Halden")
    assert (words.own, words.organization) == (("Jonas", "jonas"), ("Halden",))
