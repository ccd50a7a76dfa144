"""What all tests share: the servers they run against, and how they run side by side."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.servers"]

TESTS = Path(__file__).parent
# What a killed service listened on must not be taken by a stack of the other process meanwhile.
PORTS = {"gw0": "17000-24499", "gw1": "24500-31999"}

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["FREE_PORTS"] = PORTS[worker]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares servers in one process: each directory of tests."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(TESTS).parts[0]))
