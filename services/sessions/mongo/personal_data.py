"""What this service keeps of people, and where."""

from collections.abc import Awaitable, Callable, Sequence
from re import escape

from shared.epochs import Epochs
from shared.mongo import Database
from shared.personal_data import Holding


def holdings(database: Database, epochs: Epochs) -> Callable[[str], Awaitable[Sequence[Holding]]]:
    """Return what tells where a subject's sessions, devices, attempts and receipts are."""

    async def of(sub: str) -> tuple[Holding, ...]:
        own = {"sub": sub}
        return (
            Holding(
                "devices", database["devices"], own,
                ("_id", "name", "user_agent", "first_seen_at", "last_seen_at", "place_names",
                 "disabled_at", "trust.given_at", "trust.until"),
                secret=("key_hash",), by="first_seen_at",
            ),
            Holding(
                "sessions", database["sessions"], own,
                ("_id", "created_at", "last_seen_at", "auth_time", "expires_at", "ended_at",
                 "ended_by", "device_id", "address", "user_agent", "app", "amr", "aal"),
                secret=("proof",), by="created_at",
            ),
            Holding(
                "sign-ins", database["activity"], own,
                ("_id", "at", "outcome", "count", "address", "browser", "system", "app",
                 "device_id", "place.country", "place.names", "place.position", "flags",
                 "reported"),
                by="at",
            ),
            Holding(
                "sign-ins-by-day", database["activity_tallies"],
                {"_id": {"$regex": f"^{escape(sub)}\\."}}, ("_id", "count"),
            ),
            Holding("new-devices-told", database["new_devices_told"], {"_id": sub}, ("at",)),
            Holding(
                "receipts", epochs.database["revocations"], own,
                ("_id", "cause", "committed_at", "completed_at", "epoch", "device", "sessions"),
                secret=("token_hash",), by="committed_at",
            ),
        )  # fmt: skip

    return of
