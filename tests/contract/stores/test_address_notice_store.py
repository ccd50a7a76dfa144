"""Mails owed to addresses that went: with their change or not at all, and each to one mailer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
import structlog.testing

from services.credentials.errors import MethodsChangedMeanwhile
from services.credentials.keyring import Keyring
from services.credentials.method import Method, place_of
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import Password
from services.credentials.mongo.methods import MongoAddressNoticeStore, MongoMethodStore
from services.credentials.notices import TEXTS, AddressNotices
from services.credentials.owed import AddressNotice, owed_to_addresses
from services.credentials.store import AddressNoticeStore, MethodStore
from shared.contracts.events import CredentialChange
from shared.texts import Catalogues
from shared.wiring import Wiring
from tests.memory.credentials import MemoryCredentials, MemoryMethods
from tests.memory.profile import Postbox

AT = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
RING = Keyring.parse(f"test:{'07' * 32}")
KIM = "kim@mail.example"
MAIL = Method(
    "mail", "email", "", AT, proved=True, language="de",
    sealed=RING.seal(place_of("kim", "mail"), KIM.encode()),
)  # fmt: skip
BEFORE = SecurityInfo("kim", version=1, methods=(MAIL,))


@dataclass(frozen=True)
class Case:
    """Both stores, and a way to open each again as another process would."""

    methods: MethodStore
    notices: Callable[[], AddressNoticeStore]
    left: Callable[[], Awaitable[int]]


def _in_memory() -> Case:
    methods = MemoryMethods()

    async def left() -> int:
        return len(methods.notices.owed)

    return Case(methods, lambda: methods.notices, left)


def _in_mongodb(wiring: Wiring) -> Case:
    async def left() -> int:
        return await wiring.database["address_notices"].count_documents({})

    methods = MongoMethodStore(wiring.database, wiring.epochs, wiring.transactions)
    return Case(methods, lambda: MongoAddressNoticeStore(wiring.database), left)


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _in_memory()
    return _in_mongodb(request.getfixturevalue("credentials"))


def removal() -> tuple[SecurityInfo, CredentialChange, tuple[AddressNotice, ...]]:
    """Return what removing the address makes, tells and owes."""
    after = BEFORE.without("mail")
    event = Changed(after, MAIL, "delete").event("kim", at=AT)
    assert event is not None
    return after, event, tuple(owed_to_addresses(BEFORE, after, event))


async def removed(case: Case) -> AddressNotice:
    await case.methods.put(replace(BEFORE, version=0), None)
    after, event, notices = removal()
    await case.methods.put(after, event, notices)
    return notices[0]


async def eventually_claimed(store: AddressNoticeStore) -> AddressNotice:
    deadline = time.monotonic() + 5
    while (found := await store.claim()) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return found


def mailing(case: Case, postbox: Postbox) -> AddressNotices:
    """Return one process that sends what is owed."""
    accounts = MemoryCredentials()
    accounts.passwords["kim"] = Password(
        "kim", "kim@halden.example", None, temporary=False, version=1, changed_at=AT
    )
    return AddressNotices(
        case.notices(), accounts, RING, postbox, Catalogues.load(*TEXTS),
        "https://portal.example", "mail.example",
    )  # fmt: skip


async def test_what_is_owed_is_owed_with_the_change_and_claimed_once(case: Case) -> None:
    owed = await removed(case)
    assert await case.notices().claim() == replace(owed, attempts=1)
    assert await case.notices().claim() is None


async def test_a_change_that_comes_to_nothing_owes_nothing(case: Case) -> None:
    after, event, notices = removal()
    with pytest.raises(MethodsChangedMeanwhile):
        await case.methods.put(replace(after, version=7), event, notices)
    assert await case.left() == 0


async def test_a_transaction_that_ends_in_the_middle_owes_nothing(
    credentials: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = _in_mongodb(credentials)

    async def fails(*_asked: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("shared.outbox.Outbox.write", fails)
    with pytest.raises(ZeroDivisionError):
        await removed(case)
    assert await case.left() == 0
    assert (await case.methods.security_info("kim")).methods == (MAIL,)


async def test_of_many_mailers_at_once_one_sends_it_once(case: Case) -> None:
    owed, postbox = await removed(case), Postbox()
    mailers = [mailing(case, postbox) for _ in range(6)]
    assert sum(await asyncio.gather(*(each.send_due() for each in mailers))) == 1
    (mail,) = postbox.taken
    assert (mail.to, mail.message_id) == (KIM, f"<{owed.id}@mail.example>")
    assert await case.left() == 0


async def test_a_process_that_dies_after_the_change_leaves_the_mail_to_the_next(case: Case) -> None:
    await removed(case)
    # The process that made the change is gone, with all that it knew.
    postbox = Postbox()
    assert await mailing(case, postbox).send_due()
    assert not await mailing(case, postbox).send_due()
    assert [mail.to for mail in postbox.taken] == [KIM]


async def test_a_mailer_that_dies_with_a_mail_in_hand_leaves_it_to_the_next(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("shared.due", "tests.memory.credentials"):
        monkeypatch.setattr(f"{module}.LeaseSeconds", 0.3)
    owed = await removed(case)
    assert await case.notices().claim() is not None
    assert await case.notices().claim() is None
    assert await eventually_claimed(case.notices()) == replace(owed, attempts=2)


async def test_a_server_that_is_away_gets_it_later_and_an_address_that_is_gone_never(
    case: Case,
) -> None:
    owed, postbox = await removed(case), Postbox(away=True)
    with structlog.testing.capture_logs() as logged:
        assert await mailing(case, postbox).send_due()
    assert await case.left() == 1
    # What the server said, such as "away", may repeat the address.
    assert [each["event"] for each in logged] == ["notice-waits"]
    assert "away" not in str(logged)
    await case.notices().postpone(owed.id, seconds=0)
    postbox.away = False
    postbox.refused.add(KIM)
    assert await mailing(case, postbox).send_due()
    assert (await case.left(), postbox.taken) == (0, [])


async def test_what_is_owed_is_found_and_sealed_anew(case: Case) -> None:
    owed = await removed(case)
    assert await case.notices().owed_after("", limit=5) == [owed]
    assert await case.notices().owed_after(owed.id, limit=5) == []
    await case.notices().resealed(owed.id, b"\0anew")
    assert (await eventually_claimed(case.notices())).sealed == b"\0anew"
