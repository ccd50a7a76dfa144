"""`python -m tests`: every test, two groups at a time, each beginning when another has ended."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
BROWSER = [str(each) for each in sorted((HERE / "browser").glob("test_*.py"))]
WAITING = [str(HERE / "fault"), str(HERE / "property")]
"""They hurt a stack of their own, and wait until it is well again."""
GROUPS = (
    WAITING,
    [str(HERE / "unit"), str(HERE / "contract")],
    [str(HERE / "e2e")],
    BROWSER[::2],
    BROWSER[1::2],
)


def main() -> int:
    """Run each group, say what it said when it ends, and return the first failure."""
    with ThreadPoolExecutor(2) as lanes:
        return next(filter(None, [*lanes.map(_run, GROUPS)]), 0)


def _run(tests: list[str]) -> int:
    # What computes would take the time of what measures it.
    patient = [] if tests is WAITING else ["nice"]
    with tempfile.TemporaryFile("w+") as said:
        ended = subprocess.run(
            [*patient, sys.executable, "-m", "pytest", "--durations=20", *tests],
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said.seek(0)
        print(said.read(), flush=True)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
