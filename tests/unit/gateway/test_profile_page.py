"""What stands beside the record on the page of one's account."""

import pytest

from services.gateway.portal.profile_pages import _beside
from shared.contracts.refusals import NotFound, Refusal, Unavailable


class Asked:
    """A service, and how often it was asked."""

    def __init__(self, says: Refusal | None = None) -> None:
        self.says, self.times = says, 0

    async def __call__(self) -> str:
        self.times += 1
        if self.says is not None:
            raise self.says
        return "devices"


async def test_what_is_left_out_is_not_even_asked_for() -> None:
    service = Asked()
    assert await _beside(False, service) is None
    assert service.times == 0
    assert await _beside(True, service) == "devices"


async def test_the_rest_of_the_page_stands_while_a_service_is_away() -> None:
    assert await _beside(True, Asked(Unavailable())) is None
    with pytest.raises(Refusal):
        await _beside(True, Asked(NotFound()))
