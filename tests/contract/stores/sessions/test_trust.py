"""How every SessionStore keeps trust in devices."""

from services.sessions.model import KnownDevice
from services.sessions.store import SessionStore
from shared.contracts.trust import DeviceTrust, TrustTerms
from tests.contract.stores.sessions.cases import Case, raised

TERMS = TrustTerms(days=90, version=2)


async def add(store: SessionStore, name: str, sub: str = "ada") -> None:
    await store.add_device(KnownDevice(id=name, sub=sub, name="Browser"), key_hash=f"key-{name}")


async def trust_in(store: SessionStore, name: str) -> DeviceTrust | None:
    device = await store.device_with_key(f"key-{name}")
    assert device is not None
    return device.trust


async def test_a_device_tells_of_its_trust_with_the_stores_time(store: SessionStore) -> None:
    await add(store, "laptop")
    assert await trust_in(store, "laptop") is None
    await store.trust_device("laptop", TERMS, epoch=1, factor="$phone")
    device = await store.device_with_key("key-laptop")
    assert device is not None
    assert (device.id, device.sub, device.name) == ("laptop", "ada", "Browser")
    trust = device.trust
    assert trust is not None
    assert (trust.epoch, trust.factor, trust.version) == (1, "$phone", 2)
    assert 0 <= trust.given_seconds_ago < 60
    await store.device_seen("laptop")
    assert await trust_in(store, "laptop") is not None


async def test_what_is_over_is_no_trust(case: Case) -> None:
    store = case.store
    await case.open_epoch("ada")
    await add(store, "laptop")
    over = TERMS.model_copy(update={"days": 0})
    await store.trust_device("laptop", over, epoch=1, factor="phone")
    assert await trust_in(store, "laptop") is None
    assert await store.trusted_devices("ada") == 0


async def test_trust_that_is_given_again_is_the_newer(store: SessionStore) -> None:
    await add(store, "laptop")
    await store.trust_device("laptop", TERMS, epoch=1, factor="phone")
    newer = TrustTerms(days=1, version=3)
    await store.trust_device("laptop", newer, epoch=2, factor="tablet")
    trust = await trust_in(store, "laptop")
    assert trust is not None
    assert (trust.epoch, trust.factor, trust.version) == (2, "tablet", 3)


async def test_devices_are_counted_while_they_are_trusted_under_the_current_epoch(
    case: Case,
) -> None:
    store = case.store
    for sub in ("ada", "eve"):
        await case.open_epoch(sub)
    assert await store.trusted_devices("ada") == 0
    for name, sub in (("laptop", "ada"), ("phone", "ada"), ("tablet", "ada"), ("hers", "eve")):
        await add(store, name, sub)
        if name != "tablet":
            await store.trust_device(name, TERMS, epoch=1, factor="app")
    assert (await store.trusted_devices("ada"), await store.trusted_devices("eve")) == (2, 1)
    await raised(store)
    assert (await store.trusted_devices("ada"), await store.trusted_devices("eve")) == (0, 1)


async def test_trust_is_forgotten_of_one_subject_or_of_one_factor(store: SessionStore) -> None:
    for name, sub, factor in (
        ("laptop", "ada", "phone"), ("desktop", "ada", "tablet"), ("hers", "eve", "phone"),
    ):  # fmt: skip
        await add(store, name, sub)
        await store.trust_device(name, TERMS, epoch=1, factor=factor)
    await store.forget_trust("ada", factor="phone")
    assert await trust_in(store, "laptop") is None
    assert await trust_in(store, "desktop") is not None
    for _ in range(2):
        await store.forget_trust("ada")
        assert await trust_in(store, "desktop") is None
    assert await trust_in(store, "hers") is not None
