"""`python -m tests`: every test, three groups at a time, each beginning when another has ended."""

import compileall
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
BROWSER = [str(each) for each in sorted((HERE / "browser").glob("test_*.py"))]
_BROWSER_GROUPS = 4
"""As small as pays for a stack of their own, so that they end together."""
WAITING = [str(HERE / "fault")]
"""They hurt a stack of their own, and wait until it is well again."""
STORIES = [str(HERE / "e2e")]
GROUPS = (
    WAITING,
    STORIES,
    [str(HERE / "unit"), str(HERE / "contract")],
    *(BROWSER[first::_BROWSER_GROUPS] for first in range(_BROWSER_GROUPS)),
)
"""The longest first. All of them wait for servers now and then: three keep two cores busy."""


def main() -> int:
    """Run each group, say what it said when it ends, and return the first failure."""
    # Services are started more than a hundred times, perhaps where Python keeps nothing compiled.
    for each in ("shared", "services", "deploy"):
        compileall.compile_dir(HERE.parent / each, quiet=1)
    with ThreadPoolExecutor(3) as lanes:
        return next(filter(None, [*lanes.map(_run, GROUPS)]), 0)


def _run(tests: list[str]) -> int:
    # What computes would take the time of what measures it.
    patient = [] if tests is WAITING else ["nice"]
    # Seconds to load, for nobody but those who check the API against its document.
    spared = [] if tests is STORIES else ["-p", "no:schemathesis"]
    with tempfile.TemporaryFile("w+") as said:
        ended = subprocess.run(
            [*patient, sys.executable, "-m", "pytest", "--durations=20", *spared, *tests],
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said.seek(0)
        print(said.read(), flush=True)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
