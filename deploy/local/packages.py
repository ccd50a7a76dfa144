"""The packages of the system that the stack needs, installed with apt where they are missing."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.servers import RABBITMQ_SERVER

HEADLESS_CHROMIUM = Path("/usr/bin/chromium-headless-shell")
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Package:
    """One package, why it is needed, and how one sees that it is there."""

    name: str
    reason: str
    is_there: Callable[[], bool]


class PackagesMissingError(Exception):
    """Packages are missing, and this user or this system cannot install them."""


def _has_curl_library() -> bool:
    try:
        ctypes.CDLL("libcurl.so.4")
    except OSError:
        return False
    return True


TO_RUN = (
    Package("rabbitmq-server", "the message broker", RABBITMQ_SERVER.exists),
    Package("libcurl4", "mongod is linked against it", _has_curl_library),
)
TO_TEST = (
    *TO_RUN,
    # Four times as fast to open a page in as the whole browser, of whose own pages nothing is seen.
    Package("chromium-headless-shell", "the browser tests", HEADLESS_CHROMIUM.exists),
)


def install(packages: tuple[Package, ...]) -> list[str]:
    """Install what is missing, without a question, and return the names.

    Raises PackagesMissingError, which names them, where that is not possible.
    """
    missing = [package for package in packages if not package.is_there()]
    if missing:
        _apt_install(missing)
    absent = [package for package in missing if not package.is_there()]
    if absent:
        raise PackagesMissingError(_what_to_do(absent, "apt installed it, but it is not found"))
    return [package.name for package in missing]


def _apt_install(missing: list[Package]) -> None:
    if not shutil.which("apt-get"):
        raise PackagesMissingError(_what_to_do(missing, "there is no apt-get here"))
    if os.geteuid() != 0:
        raise PackagesMissingError(_what_to_do(missing, "only root can install packages"))
    try:
        with _services_not_started():
            _apt("update")
            _apt("install", "--yes", "--no-install-recommends", *(p.name for p in missing))
    except subprocess.CalledProcessError as failure:
        raise PackagesMissingError(_what_to_do(missing, f"{failure}")) from failure


def _apt(*words: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    argv = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *words)
    subprocess.run(argv, env=env, check=True, stdin=subprocess.DEVNULL)


@contextmanager
def _services_not_started() -> Iterator[None]:
    """Keep a package from starting its own broker, which would listen on every interface."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _what_to_do(missing: list[Package], hindrance: str) -> str:
    wanted = ", ".join(f"{package.name} ({package.reason})" for package in missing)
    names = " ".join(package.name for package in missing)
    return f"Missing: {wanted}; {hindrance}. As root: apt-get install --yes {names}"
