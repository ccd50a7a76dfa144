"""Clients of a running portal, as people and programs use it: over HTTP and by their mail."""

import email
import email.policy
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
import requests

DEMO = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "users.json"
PARTNERS = DEMO.with_name("partner_users.json")
PATIENCE = 20.0
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
Answer = requests.Response


def eventually(condition: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """Return the first true answer of a condition, or fail when there is none in time."""
    last = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < last, "What was waited for did not come."
        time.sleep(0.05)
    return answer


@dataclass(frozen=True)
class Portal:
    """Where a portal is, and where its mail and texts go if that can be read from here."""

    url: str
    maildir: Path | None
    sms_file: Path | None = None
    _device_keys: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request to the API."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.url}/api/v1{path}"
        return requests.request(method, url, data=content, headers=sent, timeout=30)

    def sign_in(self, user_id: str, password: str, **more: str) -> requests.Response:
        """Try to sign in."""
        return self.call(
            "POST", "/sign-in", body={"user_id": user_id, "password": password, **more}
        )

    def token(self, user_id: str, password: str, **more: str) -> str:
        """Sign in and return the token, always on the same device, as clients do.

        What is asked for resets is registered another time.
        """
        known = {"device_key": key} if (key := self._device_keys.get(user_id)) else {}
        answer = self.sign_in(user_id, password, **known | more)
        if answer.json().get("for") == "reset":
            path = f"/sign-in/{answer.json()['flow']}/action"
            answer = self.call("POST", path, body={"register_now": True})
        assert answer.status_code == 200, answer.text
        signed_in = answer.json()
        if key := signed_in.get("device", {}).get("key"):
            self._device_keys[user_id] = key
        return str(signed_in["token"])

    def is_accepted(self, token: str) -> bool:
        """Tell whether a token opens the profile; anything but a yes or a refusal fails."""
        status = self.call("GET", "/me", token=token).status_code
        assert status in {200, 401}, status
        return status == 200

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Return the mails that an address got."""
        if self.maildir is None:
            return []
        files = [path for path in self.maildir.glob("new/*") if path.is_file()]
        policy = email.policy.default
        mails = [email.message_from_bytes(path.read_bytes(), policy=policy) for path in files]
        return [mail for mail in mails if isinstance(mail, EmailMessage) and mail["To"] == address]

    def texts_to(self, number: str) -> list[dict[str, str]]:
        """Return the text messages and calls that a number got, oldest first."""
        if self.sms_file is None or not self.sms_file.exists():
            return []
        lines = [json.loads(line) for line in self.sms_file.read_text().splitlines()]
        return [line for line in lines if line["to"] == number]


def code_in(text: str) -> str:
    """Return the code that a message tells."""
    (found,) = set(re.findall(r"\d{4} \d{4}|(?:\d, ){7}\d", text))
    return re.sub(r"\D", "", found)


def code_before(secret: str) -> str:
    """Return the code of the step before this one, which is taken unless a later one was."""
    while time.time() % 30 > 24:
        time.sleep(0.2)
    return pyotp.TOTP(secret).at(int(time.time()) - 30)


def demo_user(name: str, among: Path = DEMO) -> dict[str, Any]:
    """Return a demonstration user by the local part of the user ID."""
    users: list[dict[str, Any]] = json.loads(among.read_text())
    return next(user for user in users if user["user_id"].startswith(f"{name}@"))


_TWO_STEPS = 65.0
_SHOWN_AGAIN_SECONDS = 300.0


@dataclass
class People:
    """Adds users through the admin's API, each used by one test only."""

    portal: Portal
    boss: Mapping[str, Any] = field(default_factory=lambda: demo_user("ada"))
    _admin: str = field(default="")
    _shown_at: float = 0.0

    @property
    def admin(self) -> str:
        """The token of an admin who stays signed in, and shows their factor again in time."""
        if not self._admin:
            self._admin = self._signed_in()
        elif time.monotonic() - self._shown_at > _SHOWN_AGAIN_SECONDS:
            self._show_again()
        return self._admin

    def _signed_in(self) -> str:
        begun = self.portal.sign_in(self.boss["user_id"], self.boss["password"]).json()
        answered = self._shows(f"/sign-in/{begun['flow']}/answer", {}, None)
        return str(answered.json()["token"])

    def _show_again(self) -> None:
        listed = self.portal.call("GET", "/me/methods", token=self._admin).json()["items"]
        method = next(each["id"] for each in listed if each["kind"] == "authenticator")
        asked = {"method_id": method, "purpose": "administration"}
        self._shows("/re-authenticate", asked, self._admin)

    def _shows(self, path: str, asked: dict[str, str], token: str | None) -> Answer:
        """Show the code of this moment. Each works once, and another run may have used it."""

        def shown() -> Answer | None:
            body = {**asked, "code": pyotp.TOTP(self.boss["totp_secret"]).now()}
            answer = self.portal.call("POST", path, body=body, token=token)
            return answer if answer.status_code == requests.codes.ok else None

        answered: Answer = eventually(shown, seconds=_TWO_STEPS)
        self._shown_at = time.monotonic()
        return answered

    def admin_token(self, someone: "Someone") -> str:
        """Sign an admin in who has no factor yet, and have them register one."""
        token = self.portal.token(someone.user_id, someone.password)
        asked = {"kind": "authenticator", "label": "Phone"}
        begun = self.portal.call("POST", "/me/methods", body=asked, token=token).json()
        code = pyotp.TOTP(begun["setup"]["secret"]).now()
        path = f"/me/methods/{begun['id']}/prove"
        proved = self.portal.call("POST", path, body={"code": code}, token=token)
        assert proved.status_code == requests.codes.ok, proved.text
        return token

    def add(self, *, temporary: bool = False, **more: object) -> "Someone":
        """Add a user."""
        name = f"e2e-{secrets.token_hex(5)}"
        someone = Someone(f"{name}@halden.example", f"plum harbour {secrets.token_hex(6)}")
        body = {
            "user_id": someone.user_id,
            "display_name": "Robin Vale",
            "emails": [someone.user_id],
            "password": someone.password,
            "temporary": temporary,
            **more,
        }
        answer = self.portal.call("POST", "/admin/users", body=body, token=self.admin)
        assert answer.status_code == 201, answer.text
        return someone


@dataclass
class Someone:
    """A user of one test."""

    user_id: str
    password: str

    @staticmethod
    def new_password() -> str:
        """Return a password that nobody has."""
        return f"amber window {secrets.token_hex(6)}"


def where_it_runs() -> Portal | None:
    """Return the portal that BASE_URL names, with MAILDIR and SMS_FILE; None without it."""
    url = os.environ.get("BASE_URL")
    maildir, sms_file = os.environ.get("MAILDIR"), os.environ.get("SMS_FILE")
    if url is None:
        return None
    return Portal(
        url.rstrip("/"),
        Path(maildir) if maildir else None,
        Path(sms_file) if sms_file else None,
    )


def problem(answer: Answer, status: int, slug: str) -> dict[str, Any]:
    """Return the problem document of an answer, which has every promised member."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].partition(";")[0] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == urlsplit(answer.url).path
    for error in document.get("errors", ()):
        assert set(error) == {"field", "reason", "message"}
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if status in {429, 503}:
        assert int(answer.headers["Retry-After"]) >= 1
    return document


def change(portal: Portal, token: str, old: str, new: str, **headers: str) -> Answer:
    """Try to change a password."""
    body = {"old_password": old, "new_password": new}
    return portal.call("POST", "/me/password", body=body, token=token, headers=headers)
