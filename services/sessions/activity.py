"""Sign-in activity: every attempt, good or bad, is a row that its user sees."""

from dataclasses import dataclass
from datetime import timedelta

from services.sessions.attempts import MostOfADay, NewAttempt
from services.sessions.errors import NoSuchAttempt
from services.sessions.model import SigningInDevice, new_id
from services.sessions.places import Places, Sighting, flags_of, words_of
from services.sessions.policy import SessionPolicies
from services.sessions.store import ActivityStore
from shared.clock import Clock
from shared.contracts.activity import (
    Attempt,
    AttemptCounts,
    AttemptList,
    AttemptOutcome,
    CountAttempts,
    ListAttempts,
    NoteAttempt,
    PictureDays,
    ReadAttempt,
    ReportMine,
)
from shared.contracts.body import Done
from shared.contracts.sessions import EstablishSession

_COMPARED_TOGETHER = 50


@dataclass(frozen=True)
class Activity:
    """Keep attempts and show them. Its clock names what is counted as one; the store dates it."""

    store: ActivityStore
    clock: Clock
    policies: SessionPolicies
    places: Places

    async def signed_in(self, asked: EstablishSession, device: SigningInDevice) -> str:
        """Keep a sign-in and return its id."""
        kept_as = new_id()
        signed_in = NoteAttempt(
            sub=asked.sub,
            outcome="signed-in",
            where=asked.where,
            app=asked.app,
            device_id=device.known.id,
            familiar=device.fresh_key is None,
            organization=asked.organization,
        )
        await self.store.add_attempt(kept_as, await self._new(signed_in))
        return kept_as

    async def device_refused(self, asked: EstablishSession) -> None:
        """Keep a sign-in that came to nothing on a device that is disabled."""
        await self.note(
            NoteAttempt(
                sub=asked.sub,
                outcome="device-disabled",
                where=asked.where,
                app=asked.app,
                familiar=True,
                organization=asked.organization,
            )
        )

    async def came_to(self, id: str, outcome: AttemptOutcome) -> None:
        """Say that what looked like a sign-in came to something else after all."""
        await self.store.change_outcome(id, outcome)

    async def note(self, asked: NoteAttempt) -> Done:
        """Keep a refusal. A flood of them is counted in few rows.

        It takes the same steps whether anybody has the user ID or not.
        """
        attempt, now = await self._new(asked), self.clock.now()
        kept_as = attempt.id_at(now) if attempt.is_throttled else new_id()
        if attempt.is_throttled and await self.store.count_again(kept_as):
            return Done()
        if await self.store.tally(attempt.tally_at(now)) > MostOfADay:
            kept_as, attempt = attempt.without_origin(now)
        await self.store.add_attempt(kept_as, attempt)
        return Done()

    async def compare_places(self) -> None:
        """Say of what is from an unfamiliar place that it is, as far as there is anything new.

        It is done after the fact, so that no sign-in waits for it. Done twice, it says the same.
        """
        while found := await self.store.to_compare(limit=_COMPARED_TOGETHER):
            for each in found:
                await self._compare(each)

    async def _compare(self, now: Sighting) -> None:
        last = await self.store.last_sighting(before=now)
        was_near = last is None or now.place.is_near(last.place)
        was_near = was_near or await self.store.was_near(now)
        await self.store.compared(now.id, flags_of(last, now, was_near=was_near))

    async def _new(self, noted: NoteAttempt) -> NewAttempt:
        policy = await self.policies.of(noted.organization)
        place = self.places.of(noted.where.address)
        return NewAttempt.of(noted, place=place, kept_days=policy.activity_days)

    async def list(self, asked: ListAttempts) -> AttemptList:
        """Return a page of a subject's attempts, newest first."""
        found = await self.store.attempts(
            asked.sub,
            words=words_of(asked.search),
            outcome=asked.outcome,
            after=asked.after,
            limit=asked.limit + 1,
        )
        items = tuple(found[: asked.limit])
        more = len(found) > asked.limit
        return AttemptList(items=items, next=items[-1].id if more else None)

    async def read(self, asked: ReadAttempt) -> Attempt:
        """Return one of a subject's attempts."""
        return _found(await self.store.attempt(asked.sub, asked.id))

    async def mine(self, asked: ReportMine) -> Attempt:
        """Note that it was its subject, and return it."""
        return _found(await self.store.report(asked.sub, asked.id, "mine"))

    async def counts(self, asked: CountAttempts) -> AttemptCounts:
        """Return how many attempts the last days had, for a picture of them."""
        now = self.clock.now()
        begins = (now - timedelta(days=PictureDays - 1)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        return AttemptCounts(
            today=now.date(), items=tuple(await self.store.by_day(asked.sub, since=begins))
        )


def _found(attempt: Attempt | None) -> Attempt:
    if attempt is None:
        raise NoSuchAttempt
    return attempt
