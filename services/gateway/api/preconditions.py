"""Entity tags: a client says which version it has read (RFC 9110, 8.8.3 and 13.1.1)."""

import re

from aiohttp import web
from pydantic import BaseModel

from services.gateway.api.operations import Answer
from services.gateway.requests import IF_MATCH
from shared.contracts.body import Contract
from shared.contracts.policy import Kept
from shared.contracts.refusals import InvalidRequest
from shared.problems import at_fault

REPLACED = {412: "changed-meanwhile"}
"""What is refused besides where something is replaced under a tag."""
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_STRONG_VERSION = re.compile(r'(?<!W/)"(0|[1-9][0-9]{0,17})"')


def entity_tag(version: int) -> str:
    """Return the strong tag of a version."""
    return f'"{version}"'


def if_match(request: web.Request) -> tuple[int, ...] | None:
    """Return which versions the client would replace, or None for whichever there is.

    A weak tag, and one that is no version, is a tag that nothing here ever has: there may be none
    left. What is no list of tags at all raises `InvalidRequest`.
    """
    lines = request.headers.getall(IF_MATCH, [])
    if not lines:
        return None
    # Several lines are one list (RFC 9110, 5.3).
    value = ", ".join(lines).strip(" \t")
    if value == "*":
        return None
    if not _TAGS.fullmatch(value):
        raise InvalidRequest(errors=[at_fault(IF_MATCH, "unfit")])
    return tuple(int(each) for each in _STRONG_VERSION.findall(value))


def versioned(content: BaseModel, version: int, status: int = 200) -> Answer:
    """Return what somebody may replace next, with the tag of its version."""
    return Answer(content, status, headers={"ETag": entity_tag(version)})


def tagged(kind: type[Contract], policy: Kept) -> Answer:
    """Return a policy as it is put, with its version beside it."""
    shown = kind(**policy.model_dump(include=set(kind.model_fields)))
    return versioned(shown, policy.version)
