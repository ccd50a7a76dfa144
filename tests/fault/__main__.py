"""`python -m tests.fault [--changes N] [--seed S] [--out DIR]`: the campaign."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.fault.campaign import Campaign
from tests.fault.portal import WoundableStack

parser = argparse.ArgumentParser(prog="python -m tests.fault", description="Hurt the stack.")
parser.add_argument("--changes", type=int, default=2000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
options = parser.parse_args()
campaign = Campaign(options.changes, options.seed)
with WoundableStack() as stack:
    asyncio.run(campaign.run(stack))
print(campaign.table())
print(f"Written to {campaign.write(options.out)}.")
sys.exit(0 if campaign.clean else 1)
