"""`python -m tests`: every test, with those that mostly wait beside those that mostly compute."""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COMPUTING = ("unit", "contract", "e2e", "browser")
WAITING = ("fault", "property")
"""They hurt a stack of their own, and wait until it is well again."""


def pytest(folders: tuple[str, ...]) -> list[str]:
    """Return the command that runs the tests in these folders."""
    return [sys.executable, "-m", "pytest", *(str(HERE / each) for each in folders)]


def main() -> int:
    """Run both, print what the waiting ones said at the end, and return the first failure."""
    with tempfile.TemporaryFile("w+") as said:
        waiting = subprocess.Popen(pytest(WAITING), stdout=said, stderr=subprocess.STDOUT)
        try:
            # What computes would take the time of what measures it.
            computed = subprocess.run(["nice", *pytest(COMPUTING)], check=False).returncode
            waited = waiting.wait()
        finally:
            waiting.terminate()
            waiting.wait()
            said.seek(0)
            print(said.read())
    return computed or waited


if __name__ == "__main__":
    sys.exit(main())
