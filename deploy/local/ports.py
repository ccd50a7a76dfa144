"""Which port each program of a stack listens on."""

import random
import socket
from collections.abc import Mapping

HOST = "127.0.0.1"
NAMES = (
    *("gateway", "profile", "credentials", "sessions"),
    *("gateway-metrics", "profile-metrics", "credentials-metrics", "sessions-metrics"),
    *("mongo", "redis", "rabbitmq", "rabbitmq-dist", "epmd", "mailbox"),
)
# Far apart and odd, so that two stacks on neighbouring or round ports (8080 and
# 8081, or 8080 and 9080) share none of the ports that are derived from them.
STRIDE = 613
HIGHEST = 65535
# From here on the kernel gives ports to outgoing connections, which may hold one for a while.
OUTGOING = 32768


def derived(gateway: int) -> dict[str, int]:
    """Every port of the stack whose gateway listens on the given one."""
    fits = gateway + STRIDE * (len(NAMES) - 1) < OUTGOING
    step = STRIDE if fits else -STRIDE
    return {name: gateway + step * place for place, name in enumerate(NAMES)}


def free(names: tuple[str, ...] = NAMES) -> dict[str, int]:
    """Unused ports for a stack that will not last, such as a test's.

    They lie below the ports that the kernel gives to outgoing connections: a client
    that reconnects to a server which is down could otherwise connect to itself.
    """
    unused = (port for port in random.sample(range(17_000, 32_000), 2_000) if not is_taken(port))
    return dict(zip(names, unused, strict=False))


def taken(ports: Mapping[str, int]) -> dict[str, int]:
    """Those of the ports that somebody listens on already."""
    return {name: port for name, port in ports.items() if is_taken(port)}


def is_taken(port: int) -> bool:
    """Whether this machine refuses to let us listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
