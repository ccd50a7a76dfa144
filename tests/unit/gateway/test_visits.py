"""What a browser comes with, and what is left of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from services.gateway.acceptance import Acceptance
from services.gateway.account import Account
from services.gateway.administration import Administration
from services.gateway.errors import AnswerLost
from services.gateway.portal.visits import Form, Visits
from services.gateway.requests import Requests
from services.gateway.sealing import Sealer
from shared.contracts.body import Done
from shared.contracts.refusals import NotFound, Refusal, Unavailable
from shared.contracts.sessions import EndSession
from shared.texts import Catalogues
from tests.unit.gateway.sessions import Sessions, token_of


@dataclass(frozen=True)
class EndingSessions(Sessions):
    """Takes note of what is to be ended, or refuses to end it."""

    ended: list[EndSession] = field(default_factory=list)
    keeps: list[Refusal] = field(default_factory=list)

    async def end(self, asked: EndSession) -> Done:
        if self.keeps:
            raise self.keeps[0]
        self.ended.append(asked)
        return Done()


def visits(sessions: EndingSessions) -> Visits:
    requests = Requests(
        Acceptance(sessions.cache, sessions),
        Administration(None, None, None, None),  # type: ignore[arg-type]
        Sealer(b"the secret of a test, long enough"),
        Catalogues.load(),
        (),
    )
    return Visits(requests, Account(None, None, sessions, None, None))  # type: ignore[arg-type]


def request(cookie: str | None) -> web.Request:
    headers = {} if cookie is None else {"Cookie": f"__Host-session={cookie}"}
    return make_mocked_request("POST", "/sign-in", headers=headers)


async def test_the_session_that_a_browser_had_is_ended_as_by_signing_out() -> None:
    sessions = EndingSessions()
    session = sessions.begin()
    await visits(sessions).leave(request(token_of(session)))
    assert sessions.ended == [EndSession(sub="ada", sid=session.sid, cause="signed-out")]
    assert [asked.renew for asked in sessions.asked] == [False]


async def test_a_cookie_that_proves_nothing_ends_nothing() -> None:
    sessions = EndingSessions()
    session = sessions.begin()
    for cookie in (None, "", "x", f"ada.{session.sid}.{'x' * 40}"):
        await visits(sessions).leave(request(cookie))
    assert sessions.ended == []


@pytest.mark.parametrize("refusal", [Unavailable(), AnswerLost(), NotFound()])
async def test_what_cannot_be_ended_now_holds_nobody_up(refusal: Refusal) -> None:
    sessions = EndingSessions(keeps=[refusal])
    await visits(sessions).leave(request(token_of(sessions.begin())))
    unasked = EndingSessions(refuses=[refusal])
    await visits(unasked).leave(request(token_of(unasked.begin())))
    assert unasked.ended == []


Sends = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def send() -> AsyncIterator[Sends]:
    """Send a form that is for anybody, from a browser which was sent it or from elsewhere."""
    taking, secret = visits(EndingSessions()), "c" * 43

    async def act(_request: web.Request, form: Form) -> web.Response:
        if form["wish"] == "nothing":
            raise NotFound
        return web.Response(text=f"done: {form['wish']}")

    async def again(_request: web.Request, form: Form, refusal: Refusal) -> web.Response:
        return web.Response(text=f"again: {form['wish']}, {refusal.type}")

    app = web.Application()
    app.router.add_post("/said", taking.taking(act, again, {"csrf-refused", "not-found"}))
    app.router.add_post("/unsaid", taking.taking(act, again, ()))
    async with TestClient(TestServer(app)) as client:

        async def sent(path: str, wish: str, *, cookie: str = secret) -> tuple[int, str]:
            form = {"wish": wish, "csrf": taking.requests.csrf_token(secret)}
            headers = {"Cookie": f"__Host-csrf={cookie}"} if cookie else {}
            async with client.post(path, data=form, headers=headers) as answered:
                return answered.status, await answered.text()

        yield sent


async def test_a_form_for_anybody_is_taken_from_the_browser_that_was_sent_it(send: Sends) -> None:
    assert await send("/said", "tea") == (200, "done: tea")


@pytest.mark.parametrize("cookie", ["", "d" * 43])
async def test_a_form_for_anybody_is_taken_from_no_other_browser(send: Sends, cookie: str) -> None:
    assert await send("/said", "tea", cookie=cookie) == (200, "again: tea, csrf-refused")
    status, _ = await send("/unsaid", "tea", cookie=cookie)
    assert status == 500


async def test_what_a_form_is_refused_for_is_said_on_it_where_it_is_to_be(send: Sends) -> None:
    assert await send("/said", "nothing") == (200, "again: nothing, not-found")
    status, _ = await send("/unsaid", "nothing")
    assert status == 500
