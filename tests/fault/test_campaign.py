"""A short campaign over the fault matrix; `python -m tests.fault` is the long one."""

from pathlib import Path

from tests.fault.campaign import Campaign
from tests.fault.portal import WoundableStack


async def test_two_dozen_changes_under_random_faults_lose_nothing(
    stack: WoundableStack, tmp_path: Path
) -> None:
    campaign = Campaign(changes=24, seed=3, batch=12)
    await campaign.run(stack)
    assert campaign.clean, campaign.table()
