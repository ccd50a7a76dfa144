"""What people type to search for, before it is looked for anywhere."""

import re

from services.gateway.model import Unfit
from shared.contracts.refusals import InvalidRequest
from shared.problems import at_fault

_UNFIT = re.compile(f"[{Unfit}]")


def searched(typed: str, longest: int) -> str:
    """Return what is searched for, at most so many characters, or raise `InvalidRequest`."""
    search = typed.strip()
    reason = "too-long" if len(search) > longest else "unfit" if _UNFIT.search(search) else ""
    if reason:
        raise InvalidRequest(errors=[at_fault("search", reason)])
    return search
