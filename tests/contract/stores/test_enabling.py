"""Of many who enable an account at once, one does, and all have it done."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.credentials.accounts import Accounts
from services.credentials.mongo.accounts import MongoCredentialStore
from shared.clock import SystemClock
from shared.contracts.accounts import DisableAccount, EnableAccount, ReadAccount
from shared.wiring import Wiring
from tests.contract.settings import Settings, wired
from tests.contract.stores.test_credential_store import ADA, open_account

AT_ONCE = 20


def accounts_of(wiring: Wiring) -> Accounts:
    """Return what is asked for nothing that would take a password."""
    store = MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)
    nothing = cast("Any", None)
    return Accounts(store, nothing, nothing, nothing, SystemClock())


@pytest.fixture
async def instances(credentials: Wiring, emptied: Settings) -> AsyncIterator[list[Accounts]]:
    """Give two instances of the service, and an account in their store."""
    async with wired("credentials", emptied) as other:
        both = [accounts_of(each) for each in (credentials, other)]
        await open_account(both[0].store, ADA)
        yield both


async def test_of_many_who_enable_an_account_at_once_all_have_it_done(
    instances: list[Accounts], credentials: Wiring
) -> None:
    for times in (1, 2, 3):
        shut = await instances[0].disable(DisableAccount(sub=ADA.sub))
        enabled = await asyncio.gather(
            *(instances[each % 2].enable(EnableAccount(sub=ADA.sub)) for each in range(AT_ONCE))
        )
        assert not any(each.disabled for each in enabled)
        assert min(each.revision for each in enabled) == shut.revision + 1
        last = await instances[1].read(ReadAccount(sub=ADA.sub))
        assert last.revision == max(each.revision for each in enabled)
        outbox = credentials.database["outbox"]
        assert await outbox.count_documents({"name": "account-enabled"}) == times
