"""Somebody at a browser, as the tests see them: what they do, and what they are shown."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

from services.gateway.requests import DEVICE_COOKIE, SESSION_COOKIE

_NO_PAGE = "about:blank"
_seen: set[str] = set()
# What the browser itself notes of answers that are refusals, which is what some tests are after.
_NOTED_ANYWAY = ("Failed to load resource", "Autofocus processing was blocked")


@dataclass(frozen=True)
class Account:
    """An account of the test's own."""

    user_id: str
    password: str
    name: str


@dataclass
class Person:
    """One browser with one page, and everything that went wrong in it."""

    context: BrowserContext
    url: str
    page: Page = field(init=False)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("request", self._asked)
        self.page = self.context.new_page()

    def goes_to(self, path: str) -> None:
        """Type an address."""
        self.page.goto(self.url + path)

    def signs_in(self, account: Account, password: str | None = None) -> None:
        """Fill the sign-in form in and send it.

        Where nobody has signed in to the account yet, nor looked at a page here, the session comes
        without the form, which takes a tenth of the time.
        """
        is_first = account.user_id not in _seen and self.page.url == _NO_PAGE
        _seen.add(account.user_id)
        if is_first and password is None and self._has_session_of(account):
            return self.goes_to("/")
        if "/sign-in" not in self.page.url:
            self.goes_to("/sign-in")
        self.page.locator("#user_id").fill(account.user_id)
        self.page.locator("#password").fill(password or account.password)
        self.page.locator("main form button.wide").click()
        return None

    def _has_session_of(self, account: Account) -> bool:
        """Sign in over the API, where no more than the password is asked for."""
        body = {"user_id": account.user_id, "password": account.password}
        answer = self.context.request.post(f"{self.url}/api/v1/sign-in", data=body).json()
        if answer.get("state") != "complete":
            return False
        # Cookies of these names come over HTTPS alone, or from this machine.
        url = self.url.replace("http:", "https:")
        cookies = {SESSION_COOKIE: answer["token"], DEVICE_COOKIE: answer["device"]["key"]}
        self.context.add_cookies(
            [
                {"name": name, "value": value, "url": url, "secure": True}
                for name, value in cookies.items()
            ]
        )
        return True

    def is_at(self, path: str) -> None:
        """Expect to be on a page."""
        expect(self.page).to_have_url(self.url + path)

    def reads(self, text: str) -> None:
        """Expect a text to be shown."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def sees_heading(self, text: str) -> None:
        """Expect the page to be headed so."""
        expect(self.page.locator("h1")).to_have_text(text)

    def cookie(self, name: str) -> dict[str, Any] | None:
        """Return a cookie of this browser."""
        found = [dict(each) for each in self.context.cookies() if each.get("name") == name]
        return found[0] if found else None

    def presses_tab_until(self, selector: str) -> None:
        """Go from control to control by the Tab key until this one has the focus."""
        for _ in range(60):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"The Tab key never gets to {selector}.")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_NOTED_ANYWAY):
            self.faults.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.faults.append(f"asked somebody else: {request.url}")
