"""A load generator for where wrk cannot be had.

python -m tests.bench.closed_loop <url> <connections> <seconds> <file of requests>
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from tests.bench.figures import percentile

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_REFUSED = 400


@dataclass
class ClosedLoop:
    """Connections that each send the next request once the last one is answered."""

    address: str
    requests: Iterator[bytes]
    took: list[float] = field(default_factory=list)
    failures: int = 0

    async def connection(self, deadline: float) -> None:
        """Send until the deadline."""
        host, _, port = self.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        while (begun := time.perf_counter()) < deadline:
            writer.write(next(self.requests))
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            self.took.append((time.perf_counter() - begun) * 1000)
            self.failures += int(head.split(b" ", 2)[1]) >= _REFUSED
        writer.close()


def _raw(line: str, address: str) -> bytes:
    method, path, token, body = line.split("\t")
    headers = [f"{method} {path} HTTP/1.1", f"Host: {address}"]
    if token:
        headers.append(f"Authorization: Bearer {token}")
    if body:
        headers += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*headers, "", body]).encode()


async def _main(url: str, connections: str, seconds: str, *, lines: list[str]) -> None:
    address = urlsplit(url).netloc
    loop = ClosedLoop(address, itertools.cycle([_raw(line, address) for line in lines]))
    begun = time.perf_counter()
    deadline = begun + float(seconds)
    await asyncio.gather(*(loop.connection(deadline) for _ in range(int(connections))))
    result = {
        "requests": len(loop.took),
        "seconds": time.perf_counter() - begun,
        "p50_ms": percentile(loop.took, 50),
        "p99_ms": percentile(loop.took, 99),
        "failures": loop.failures,
    }
    sys.stdout.write(f"RESULT {json.dumps(result)}\n")


if __name__ == "__main__":
    *how, requests = sys.argv[1:]
    uvloop.run(_main(*how, lines=Path(requests).read_text().splitlines()))
