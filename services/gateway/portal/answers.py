"""What somebody shows for a method, as a form sends it, and why it may not do."""

from pydantic import SecretStr

from services.gateway.portal.new_password import wrong
from services.gateway.portal.visits import Form
from shared.contracts.methods import LongestAnswer, LongestCode
from shared.contracts.refusals import InvalidRequest

SAID_OF_METHODS = {
    "code-refused",
    "code-used",
    "not-allowed-by-policy",
    "passkey-refused",
    "passkey-cloned",
    "sign-in-throttled",
    "too-many-codes",
    "code-not-sent",
    "invalid-request",
    "too-busy",
    "service-unavailable",
}
"""What is said above a form that asks for a method."""


def read_code(form: Form) -> SecretStr:
    """Return the code that was typed, or raise where it cannot be one."""
    if not 0 < len(form["code"]) <= LongestCode:
        raise InvalidRequest(errors=[wrong("code", "too-long" if form["code"] else "missing")])
    return SecretStr(form["code"])


def read_answer(form: Form) -> SecretStr:
    """Return what a script says for a passkey, or else the code that was typed."""
    if not form["passkey"]:
        return read_code(form)
    if len(form["passkey"]) > LongestAnswer:
        raise InvalidRequest(errors=[wrong("code", "too-long")])
    return SecretStr(form["passkey"])
