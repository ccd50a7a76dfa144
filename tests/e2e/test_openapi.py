"""The running gateway is what its OpenAPI document says, whatever is sent to it."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from requests.adapters import HTTPAdapter
from schemathesis import BaseSchema, Case
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.gateway.api.openapi import document
from services.gateway.api.routes import Api
from tests.e2e.portal import People, Portal, where_it_runs

EXAMPLES = 15
ELSEWHERE = ("127.0.0.3", 0)
"""Wrong passwords from here are not counted together with those of other tests."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
ENDS_SESSIONS = {202, 204, 401}
REJECTED = [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429]
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
ADMINISTRATION = "/admin/"


class FromElsewhere(HTTPAdapter):
    """Sends from another address of this machine."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Bind every connection to it."""
        super().init_poolmanager(*args, source_address=ELSEWHERE, **more)


class SignedIn:
    """Shows a token that is accepted, and signs in again when an example ended the session."""

    def __init__(self, portal: Portal, sign_in: Callable[[], str]) -> None:
        """Begin without a session."""
        self.portal, self.sign_in, self.token = portal, sign_in, ""

    def current(self) -> str:
        """Return a token that is accepted."""
        if not self.token or not self.portal.is_accepted(self.token):
            self.token = self.sign_in()
        return self.token

    def check(self, case: Case[Any], sender: requests.Session) -> None:
        """Send an example, and hold the answer against the document."""
        token = self.token or self.current()
        # Whatever happens, only an answer that ends no session leaves the token as it is.
        self.token = ""
        answer = case.call_and_validate(
            base_url=self.portal.url,
            session=sender,
            headers={"Authorization": f"Bearer {token}"},
            checks=CHECKS,
        )
        self.token = token
        if answer.status_code in ENDS_SESSIONS:
            self.current()


@pytest.fixture(scope="module")
def sender() -> Iterator[requests.Session]:
    with requests.Session() as session:
        # A portal that is already running may be on another machine, and is told of few enough:
        # some thirty, where one address is given 600 in ten minutes.
        if where_it_runs() is None:
            session.mount("http://", FromElsewhere())
        yield session


def described() -> dict[str, Any]:
    """Return the document as the code has it; that it is served is a test of its own."""
    table = Api(*[cast("Any", None)] * len(fields(Api))).operations()
    return document(table, server="http://localhost")


def api(*, every_boundary: bool = True) -> BaseSchema:
    config = schemathesis.Config.from_dict(
        {
            # Whether a token is asked for is a test of its own.
            "generation": {"mode": "all", "with-security-parameters": False},
            "phases": {"coverage": {"enabled": every_boundary}},
            "checks": {"negative_data_rejection": {"expected-statuses": REJECTED}},
            "warnings": False,
        }
    )
    schema = schemathesis.openapi.from_dict(described(), config=config)
    # A stream goes on until its session ends; it has tests of its own.
    return schema.exclude(path="/api/v1/me/events")


@pytest.fixture(scope="module")
def as_user(portal: Portal, people: People) -> SignedIn:
    robin = people.add()
    return SignedIn(portal, lambda: portal.token(robin.user_id, robin.password))


@pytest.fixture(scope="module")
def as_admin(portal: Portal, people: People) -> SignedIn:
    return SignedIn(portal, lambda: people.admin)


@api().exclude(path_regex=ADMINISTRATION).parametrize()
@bounded
def test_a_user_gets_what_the_document_says(
    case: Case[Any], as_user: SignedIn, sender: requests.Session
) -> None:
    as_user.check(case, sender)


# A user is turned away before anything that was sent is looked at.
@api(every_boundary=False).include(path_regex=ADMINISTRATION).parametrize()
@settings(bounded, max_examples=2)
def test_a_user_is_turned_away_from_the_administration_as_the_document_says(
    case: Case[Any], as_user: SignedIn, sender: requests.Session
) -> None:
    as_user.check(case, sender)


# What is not the admins' own is the same for them as for others.
# A policy made up at random would hold for everybody else; test_policy.py has those calls.
@(
    api()
    .include(path_regex=ADMINISTRATION)
    .exclude(path_regex="/admin/policy/", method="PUT")
    .parametrize()
)
@bounded
def test_an_admin_gets_what_the_document_says(
    case: Case[Any], as_admin: SignedIn, sender: requests.Session
) -> None:
    as_admin.check(case, sender)


def test_the_document_that_is_served_is_the_one_that_was_checked(portal: Portal) -> None:
    served = portal.call("GET", "/openapi.json").json()
    assert {**served, "servers": []} == {**described(), "servers": []}
