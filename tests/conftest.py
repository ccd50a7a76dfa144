"""What all tests share: the servers they run against, and how they run side by side."""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.servers"]

# What a killed service listened on must not be taken by a stack of the other process meanwhile.
PORTS = {"gw0": "17000-24499", "gw1": "24500-31999"}

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["FREE_PORTS"] = PORTS[worker]


class ByDirectory(LoadScopeScheduling):  # type: ignore[misc]
    """Keep what shares servers in one process: each directory of tests.

    Those of the browser take long and come last, so both processes share them out.
    """

    def _split_scope(self, nodeid: str) -> str:
        directory = nodeid.split("/")[1]
        return nodeid if directory == "browser" else directory


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByDirectory:
    """Say how tests are distributed, where they are (`pytest -n 2`)."""
    return ByDirectory(config, log)
