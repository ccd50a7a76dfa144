"""What the README says to paste into a shell runs, and shows what it says."""

import re
import subprocess
from pathlib import Path

from tests.e2e.portal import Portal

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_walk_through_of_the_heart_runs(portal: Portal) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    (walk_through,) = [block for block in blocks if "api/v1/sign-in" in block]
    ran = subprocess.run(
        ["bash", "-c", walk_through],
        env={"PORTAL": portal.url, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert '"user_id":"mei@halden.example"' in ran.stdout
    assert "/problems/session-revoked" in ran.stdout
    assert '"completed_at":"' in ran.stdout
    assert ran.stdout.count('"receipt_token"') == 2
