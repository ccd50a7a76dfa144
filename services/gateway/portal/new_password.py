"""What is wrong with a new password, all of it at once, before anything is changed."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel, ConfigDict, SecretStr

from services.gateway.portal.visits import Form
from shared.contracts.body import Secret
from shared.contracts.credentials import LongestPassword, PasswordReport
from shared.service import read_json

Rate = Callable[[], Awaitable[PasswordReport]]


class _Check(BaseModel):
    """A password that is being typed."""

    model_config = ConfigDict(extra="forbid")

    password: Secret


async def read_password(request: web.Request) -> SecretStr:
    """Return the password that a page asks about while it is typed."""
    content = await request.read()
    read_json(content)
    return _Check.model_validate_json(content).password


async def shortcomings(form: Form, rate: Rate, *, anyway: bool = False) -> list[dict[str, str]]:
    """Return what can be said before a change is tried.

    When the change will not be tried because something is missing, or is refused `anyway` for
    another reason, the new password is rated too: nobody should learn of one fault after the other.
    """
    required = ("old_password", "new_password", "repeated")
    errors = [wrong(name, "missing") for name in required if name in form.fields and not form[name]]
    if form["new_password"] and form["repeated"] and form["new_password"] != form["repeated"]:
        errors.append(wrong("repeated", "mismatch"))
    if len(form["old_password"]) > LongestPassword:
        errors.append(wrong("old_password", "too-long"))
    if len(form["new_password"]) > LongestPassword:
        errors.append(wrong("new_password", "too-long"))
    elif (errors or anyway) and form["new_password"]:
        report = await rate()
        errors += [wrong("new_password", reason) for reason in report.reasons]
    return sorted(errors, key=lambda error: required.index(error["field"]))


def wrong(field: str, reason: str) -> dict[str, str]:
    """Return what is wrong with a field, as a refusal says it."""
    return {"field": field, "reason": reason, "message": reason}
