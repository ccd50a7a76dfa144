"""The part of the API's table for events that could not be handled."""

from dataclasses import asdict, dataclass

from services.gateway.administration import Administration
from services.gateway.api.bodies import ParkedItem, ParkedItems
from services.gateway.api.operations import Answer, Call, Operation


@dataclass(frozen=True)
class ParkedEventsApi:
    """The operations, each over one flow."""

    administration: Administration

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/admin/parked-events", "Events that could not be handled", self._list,
                "admin", answers={200: ParkedItems}, paged=True,
            ),
            Operation(
                "POST", "/admin/parked-events/{id}/replay", "Let an event be tried again",
                self._replay, "admin", answers={204: None}, refusals={404: "not-found"},
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        page = await self.administration.parked(limit=call.limit, after=call.after)
        items = tuple(ParkedItem(**asdict(each)) for each in page.items)
        return Answer(ParkedItems(items=items, next=page.next))

    async def _replay(self, call: Call) -> Answer:
        await self.administration.replay(call.admin, call.path("id"))
        return Answer(None, 204)
