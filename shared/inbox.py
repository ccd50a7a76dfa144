"""The inbox: an event's effect and the memory of having had it, in one transaction."""

from dataclasses import dataclass

from pymongo.errors import DuplicateKeyError

from shared.mongo import Database, Session

_REMEMBER_SECONDS = 30 * 24 * 3600


class AlreadyHandled(Exception):
    """The event had its effect before."""


@dataclass(frozen=True)
class Inbox:
    """Remembers event ids for 30 days, longer than any queue or replay keeps an event."""

    database: Database

    async def install(self) -> None:
        """Create the index. Safe to run twice."""
        await self.database["inbox"].create_index("at", expireAfterSeconds=_REMEMBER_SECONDS)

    async def remember(self, event_id: str, session: Session) -> None:
        """Take note of the event in the caller's transaction, or raise `AlreadyHandled`."""
        try:
            noted = await self.database["inbox"].update_one(
                {"_id": event_id}, {"$currentDate": {"at": True}}, upsert=True, session=session
            )
        except DuplicateKeyError as error:
            raise AlreadyHandled from error
        if noted.upserted_id is None:
            raise AlreadyHandled
