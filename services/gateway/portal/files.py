"""Stylesheet, scripts and pictures, under addresses that change with what they contain."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from shared.contracts.refusals import NotFound

_DIRECTORY = Path(__file__).parent / "static"
_FOR_GOOD = "public, max-age=31536000, immutable"
_TEXT = {".css", ".js", ".svg"}


@dataclass(frozen=True)
class File:
    """A file as it is served, and compressed where that makes it smaller."""

    content: bytes
    compressed: bytes | None
    content_type: str


@dataclass(frozen=True)
class Files:
    """All files, read once. Their common version stands in each address."""

    files: dict[str, File]
    version: str

    @classmethod
    def load(cls, directory: Path = _DIRECTORY) -> "Files":
        """Read every file of a directory."""
        paths = sorted(path for path in directory.iterdir() if path.is_file())
        digest = hashlib.sha256()
        for path in paths:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return cls({path.name: _read(path) for path in paths}, digest.hexdigest()[:16])

    def url(self, name: str) -> str:
        """Return the address of a file; one that is not there is a mistake and raises KeyError."""
        _ = self.files[name]
        return f"/static/{self.version}/{name}"

    def routes(self) -> list[web.RouteDef]:
        """Return the route of all of them."""
        return [web.get("/static/{version}/{name}", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        file = self.files.get(request.match_info["name"])
        if file is None:
            raise NotFound
        # While replicas are replaced, one may be asked for a version that another has. It
        # answers with its own, which nobody may keep under that address.
        current = request.match_info["version"] == self.version
        headers = {
            hdrs.CACHE_CONTROL: _FOR_GOOD if current else "no-cache",
            hdrs.VARY: "Accept-Encoding",
        }
        if file.compressed and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(
                body=file.compressed, headers=headers, content_type=file.content_type
            )
        return web.Response(body=file.content, headers=headers, content_type=file.content_type)


def _read(path: Path) -> File:
    content = path.read_bytes()
    compressed = gzip.compress(content, mtime=0) if path.suffix in _TEXT else None
    return File(content, compressed, _content_type(path))


def _content_type(path: Path) -> str:
    # Named here where it matters, since the machine's own table may say otherwise.
    known = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    guessed = known.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return guessed or "application/octet-stream"
