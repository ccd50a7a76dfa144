"""Addresses and numbers that an admin brings along for others."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from services.credentials.errors import KindNotAvailable, NotAllowedByPolicy, TooManyMethods
from services.credentials.method_policy import MethodPolicy
from shared.contracts.methods import ImportSent, SentKind
from tests.memory.credential_policies import MemoryPolicies
from tests.unit.credentials.test_out_of_band import MAIL, NUMBER, People


@pytest.fixture
def people() -> People:
    return People()


async def bring(
    people: People, to: str = NUMBER, kind: SentKind = "sms", *, dry_run: bool = False
) -> bool:
    asked = ImportSent(sub="ada", kind=kind, target=SecretStr(to), dry_run=dry_run)
    return (await people.info.out_of_band.bring(asked)).added


@pytest.mark.parametrize(("kind", "to"), [("sms", NUMBER), ("voice", NUMBER), ("email", MAIL)])
async def test_it_counts_at_once_and_nothing_is_sent_there(
    people: People, kind: SentKind, to: str
) -> None:
    assert await bring(people, to, kind)
    (method,) = await people.methods()
    assert (method.kind, method.default) == (kind, kind != "email")
    assert people.carrier.messages == []
    assert to not in f"{people.store.by_sub}{people.epochs.outbox}"


async def test_others_are_told_that_an_admin_did_it(people: People) -> None:
    await bring(people)
    assert "'admin'" in f"{people.epochs.outbox}"
    assert "method-added" in f"{people.epochs.outbox}"


async def test_a_code_is_sent_to_it_like_to_any_other(people: People) -> None:
    await bring(people)
    (method,) = await people.methods()
    code = await people.begin(method.id)
    assert (await people.answer(method.id, code)).amr == "sms"


async def test_what_is_there_is_not_added_again(people: People) -> None:
    await people.added(MAIL, "email")
    told = len(people.epochs.outbox)
    assert not await bring(people, MAIL.upper(), "email")
    assert len(people.epochs.outbox) == told
    assert len(await people.methods()) == 1


async def test_a_dry_run_says_the_same_and_changes_nothing(people: People) -> None:
    assert await bring(people, dry_run=True)
    assert (await people.methods(), list(people.epochs.outbox)) == ((), [])
    assert await bring(people)
    assert not await bring(people, dry_run=True)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_there_are_no_more_than_their_owner_could_add(
    people: People, *, dry_run: bool
) -> None:
    for number in range(5):
        await bring(people, f"+49421555014{number}")
    with pytest.raises(TooManyMethods):
        await bring(people, dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_no_carrier_serves_is_refused(people: People, *, dry_run: bool) -> None:
    out_of_band = people.info.out_of_band
    without = replace(out_of_band, sending=replace(out_of_band.sending, carriers={}))
    people.info = replace(people.info, out_of_band=without)
    with pytest.raises(KindNotAvailable):
        await bring(people, dry_run=dry_run)
    assert await people.methods() == ()


@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_policy_does_not_allow_is_refused(
    monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    async def policy_of(_: MemoryPolicies, organization: str) -> MethodPolicy:
        return MethodPolicy(allowed=frozenset({"email"}))

    monkeypatch.setattr(MemoryPolicies, "policy_of", policy_of)
    people = People()
    with pytest.raises(NotAllowedByPolicy):
        await bring(people, dry_run=dry_run)
    assert await people.methods() == ()
