"""What every page can say and show, and how it becomes an answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp_jinja2
import jinja2
from aiohttp import web
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import format_decimal, get_decimal_symbol
from markupsafe import Markup, escape

from services.gateway.portal import addresses, cookies
from services.gateway.portal.files import Files
from services.gateway.portal.visits import Visitor, Visits
from services.gateway.rendering import headers_of
from shared.clock import Clock
from shared.contracts.activity import place_in
from shared.contracts.methods import Method
from shared.contracts.refusals import Refusal
from shared.texts import Catalogues
from shared.user_agents import UserAgent

_TEMPLATES = Path(__file__).parent / "templates"
_JUST_NOW_SECONDS = 60
_BEFORE_A_SIGN = re.compile(r"(?<=.)(?=[@._+])")


@dataclass(frozen=True)
class Page:
    """One page in one reader's language. Templates get everything but its content from here."""

    catalogues: Catalogues
    files: Files
    language: str
    now: datetime
    address: str = addresses.HOME
    visitor: Visitor | None = None
    csrf: str = ""

    def text(self, text_id: str, **values: object) -> str:
        """Return a text with its values filled in."""
        filled = {name: str(value) for name, value in values.items()}
        return self.catalogues.text(text_id, self.language, **filled)

    def quoting(self, text_id: str, language: str, **values: str) -> Markup:
        """Return a text with values that are in a language of their own, which is marked."""
        marked = Markup('<span lang="{}">{}</span>')
        places = {name: f"{{{name}}}" for name in values}
        filled = {name: marked.format(language, value) for name, value in values.items()}
        return escape(self.text(text_id, **places)).format(**filled)

    def has(self, text_id: str) -> bool:
        """Tell whether there is such a text."""
        return self.catalogues.has(text_id)

    def count(self, text_id: str, number: int) -> str:
        """Return a text in the form that goes with a number, such as one or several."""
        form = self.locale.plural_form(number)
        return self.text(f"{text_id}.{form}", number=format_decimal(number, locale=self.locale))

    def said(self, refusal: Refusal) -> str:
        """Return in a sentence why a form was refused and what to do."""
        if refusal.type == "sign-in-throttled" and refusal.retry_after is not None:
            return self.text("throttled.wait", wait=self.seconds(refusal.retry_after))
        if refusal.type == "too-many-codes" and refusal.retry_after is not None:
            return self.text("too-many-codes.wait", wait=self.seconds(refusal.retry_after))
        return self.text(f"problem.{refusal.type}.detail")

    def called(self, method: Method) -> str:
        """Return what a method is called where there are several."""
        kind = self.text(f"method.kind.{method.kind}")
        return method.label or (f"{kind} {method.hint}" if method.hint else kind)

    def question(self, question: str) -> str:
        """Return a security question in words: those of the catalogue, or its owner's own."""
        text_id = f"question.{question}"
        return self.text(text_id) if self.has(text_id) else question

    def reason(self, error: Mapping[str, str]) -> str:
        """Return what is wrong with a field."""
        text_id = f"reason.{error['reason']}"
        return self.text(text_id if self.has(text_id) else "reason.unfit")

    def moment(self, at: datetime) -> str:
        """Return a day and time to the minute, written as `moments.js` writes it."""
        day = format_date(at, "long", locale=self.locale)
        return f"{day}, {format_time(at, 'HH:mm', locale=self.locale)} UTC"

    def day(self, day: date) -> str:
        """Return a day."""
        return format_date(day, "medium", locale=self.locale)

    def instant(self, at: datetime) -> str:
        """Return a time of day to the millisecond, written as `moments.js` writes it."""
        point = get_decimal_symbol(self.locale)
        return f"{format_time(at, f'HH:mm:ss{point}SSS', locale=self.locale)} UTC"

    def foldable(self, address: str) -> Markup:
        """Return an address that goes on in the next line at its signs, and not amid a word."""
        return Markup("<wbr>").join(_BEFORE_A_SIGN.split(address))

    def ago(self, at: datetime) -> str:
        """Return how long ago something was."""
        if (self.now - at).total_seconds() < _JUST_NOW_SECONDS:
            return self.text("time.just-now")
        return format_timedelta(at - self.now, add_direction=True, locale=self.locale)

    def seconds(self, seconds: int) -> str:
        """Return a length of time in whole words, such as `2 minutes`."""
        return format_timedelta(seconds, threshold=2, locale=self.locale)

    def number(self, number: int) -> str:
        """Return a number, its digits in groups."""
        return format_decimal(number, locale=self.locale)

    def milliseconds(self, seconds: float) -> str:
        """Return a length of time in milliseconds."""
        return self.number(max(0, round(seconds * 1000)))

    def place(self, names: dict[str, str]) -> str | None:
        """Return what a place is called in the reader's language."""
        return place_in(names, self.language)

    def language_name(self, language: str) -> str:
        """Return what a language is called in the reader's."""
        try:
            return Locale.parse(language, sep="-").get_display_name(self.language) or language
        except (ValueError, UnknownLocaleError):
            return language

    def own_name(self, language: str) -> str:
        """Return what a language calls itself."""
        return Locale.parse(language).get_display_name(language) or language

    def user_agent(self, text: str) -> UserAgent:
        """Return what a browser calls itself, in words."""
        return UserAgent.parse(text)

    def host(self, url: str) -> str:
        """Return the name of the site that a link leads to."""
        return urlsplit(url).hostname or url

    def static(self, name: str) -> str:
        """Return the address of a file."""
        return self.files.url(name)

    @property
    def languages(self) -> list[str]:
        """The languages there are."""
        return self.catalogues.languages

    @property
    def locale(self) -> Locale:
        """The reader's language, to Babel."""
        return Locale.parse(self.language)


@dataclass(frozen=True)
class Pages:
    """Render pages, each in the language of who reads it."""

    visits: Visits
    catalogues: Catalogues
    clock: Clock
    files: Files = field(default_factory=Files.load)

    def install(self, app: web.Application) -> None:
        """Set the templates up."""
        environment = aiohttp_jinja2.setup(
            app,
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            enable_async=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            default_helpers=False,
        )
        # The API's documentation is a page without a reader of its own, in English.
        environment.globals["documentation"] = Page(
            self.catalogues, self.files, self.catalogues.languages[0], self.clock.now()
        )

    async def show(
        self,
        request: web.Request,
        template: str,
        *,
        visitor: Visitor | None = None,
        status: int = HTTPStatus.OK,
        refusal: Refusal | None = None,
        address: str | None = None,
        **content: Any,
    ) -> web.Response:
        """Return a page, to a visitor or to somebody who is not signed in.

        A refusal is said on it, and answers with its own status and headers. `address` is where it
        is read again, for forms that know more of that than their request.
        """
        cookie, csrf = self.visits.anonymous_csrf(request)
        page = Page(
            self.catalogues,
            self.files,
            self.language(request, visitor),
            self.clock.now(),
            address=address or addresses.read_again(request),
            visitor=visitor,
            csrf=visitor.csrf if visitor else csrf,
        )
        context = {
            "page": page,
            "text": page.text,
            "visitor": visitor,
            "refusal": refusal,
            "errors": refusal.errors if refusal else (),
            **content,
        }
        response = await aiohttp_jinja2.render_template_async(
            template, request, context, status=refusal.status if refusal else status
        )
        response.headers.update(headers_of(refusal) if refusal else {})
        self._keep_cookies(request, response, visitor, cookie)
        return response

    def language(self, request: web.Request, visitor: Visitor | None) -> str:
        """Return the language to answer in: chosen, else the visitor's own, else the browser's."""
        chosen = request.query.get("lang") or request.cookies.get(cookies.LANGUAGE)
        if chosen is None and visitor is not None and visitor.person is not None:
            chosen = visitor.person.preferred_language
        return self.catalogues.nearest(chosen) if chosen else self.visits.requests.language(request)

    def keep_session(self, response: web.Response, token: str, expires_at: datetime) -> None:
        """Set the session's cookie for as long as the session lasts."""
        left = int((expires_at - self.clock.now()).total_seconds())
        cookies.keep(response, cookies.SESSION, token, seconds=max(left, 1))

    def _keep_cookies(
        self, request: web.Request, response: web.Response, visitor: Visitor | None, csrf: str
    ) -> None:
        if visitor is not None:
            # A visit prolongs the session, so its cookie has to last longer too.
            self.keep_session(response, visitor.caller.token, visitor.caller.session.expires_at)
        elif request.cookies.get(cookies.CSRF) != csrf:
            cookies.keep(response, cookies.CSRF, csrf)
        if "lang" in request.query:
            keep_language(response, self.language(request, visitor))


def keep_language(response: web.Response, language: str) -> None:
    """Remember the language that somebody chose."""
    cookies.keep(response, cookies.LANGUAGE, language, seconds=cookies.LANGUAGE_SECONDS)
