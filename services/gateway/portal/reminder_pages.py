"""What a sign-in asks of who has shown all they have to, before it is complete."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from services.gateway.model import Action, FlowKey
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.security_info_pages import ADDRESS as SECURITY
from services.gateway.portal.security_info_pages import FOR_RESET
from services.gateway.portal.sign_in_pages import (
    CONFIRM,
    REGISTER_FOR_RESET,
    SignInPages,
    flow_of,
    secret_of,
)
from services.gateway.portal.visits import Form, Visits
from services.gateway.registration import Registration
from services.gateway.sign_in import Outcome
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Where

_SAID_IN_PLACE = {"cannot-be-put-off", "too-busy", "service-unavailable", "csrf-refused"}
_Act = Callable[[FlowKey, Where], Awaitable[Outcome]]


@dataclass(frozen=True)
class Reminder:
    """One thing that is asked: on which page, what is done unless it waits, and where it leads.

    `leads` is by answer, to pages where one does what one has said that one will.
    """

    action: Action
    address: str
    template: str
    act: _Act
    leads: dict[str, str]


@dataclass(frozen=True)
class ReminderPages:
    """Whether one's methods are still right, and what one registers for resets.

    Either is a page with answers, of which one is that it waits.
    """

    pages: Pages
    visits: Visits
    registration: Registration
    signing_in: SignInPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        registration = self.registration
        reminders = (
            # Who changes something has looked through all of it, and is asked no second time.
            Reminder(
                "confirm-security-info",
                CONFIRM,
                "confirm.html",
                registration.confirm,
                {"change": SECURITY},
            ),
            Reminder(
                "register-for-reset",
                REGISTER_FOR_RESET,
                "register_for_reset.html",
                registration.register_for_reset,
                {"register": FOR_RESET},
            ),
        )
        return [route for each in reminders for route in self._routes(each)]

    def _routes(self, reminder: Reminder) -> list[web.RouteDef]:
        async def ask(request: web.Request) -> web.Response:
            return await self.signing_in.ask(
                request, reminder.action, lambda to: self._form(request, reminder, to)
            )

        async def answer(request: web.Request, form: Form) -> web.Response:
            return await self._answer(request, reminder, form)

        async def again(request: web.Request, form: Form, refusal: Refusal) -> web.Response:
            return await self._form(request, reminder, addresses.local(form["next"]), refusal)

        taken = self.visits.taking(answer, again, _SAID_IN_PLACE)
        return [web.get(reminder.address, ask), web.post(reminder.address, taken)]

    async def _answer(self, request: web.Request, reminder: Reminder, form: Form) -> web.Response:
        answer = form["answer"]
        act = self.registration.put_off if answer == "later" else reminder.act
        outcome = await act(flow_of(request), self.visits.requests.where(request))
        to = reminder.leads.get(answer, addresses.local(form["next"]))
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _form(
        self, request: web.Request, reminder: Reminder, to: str, refusal: Refusal | None = None
    ) -> web.Response:
        return await self.pages.show(
            request,
            reminder.template,
            address=addresses.with_query(reminder.address, next=to),
            waiting=await self.registration.waiting(flow_of(request), reminder.action),
            to=to,
            refusal=refusal,
        )
