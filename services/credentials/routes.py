"""HTTP in: parse, one call, render."""

from aiohttp import web

from services.credentials.authentication import Authentication
from services.credentials.password import Passwords
from shared.contracts.credentials import (
    ChangePassword,
    CheckPassword,
    EnrollAccount,
    ReplaceTemporaryPassword,
    VerifyPassword,
)
from shared.service import endpoint


def routes(authentication: Authentication, passwords: Passwords) -> list[web.RouteDef]:
    """Return the routes of the service."""
    return [
        endpoint("/accounts/enroll", EnrollAccount, passwords.enroll),
        endpoint("/password/verify", VerifyPassword, authentication.verify),
        endpoint("/password/check", CheckPassword, passwords.check),
        endpoint("/password/change", ChangePassword, passwords.change),
        endpoint(
            "/password/replace-temporary", ReplaceTemporaryPassword, passwords.replace_temporary
        ),
    ]
