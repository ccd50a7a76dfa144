"""What a browser calls itself, in words that its owner recognises."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["computer", "phone", "tablet", "program"]

# The first that matches wins: nearly all claim to be several of those further down.
_BROWSERS = (
    ("Microsoft Edge", re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"\bOPR/(\d+)")),
    ("Vivaldi", re.compile(r"\bVivaldi/(\d+)")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/(\d+)")),
    ("DuckDuckGo", re.compile(r"\b(?:DuckDuckGo|Ddg)/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chromium", re.compile(r"\bChromium/(\d+)")),
    ("Chrome", re.compile(r"\b(?:Headless)?Chrome/(\d+)")),
    ("Chrome", re.compile(r"\bCriOS/(\d+)")),
    ("Safari", re.compile(r"\bVersion/(\d+)\S* (?:Mobile/\S+ )?Safari/")),
)
_PROGRAMS = (
    ("curl", re.compile(r"^curl/(\d+)")),
    ("Wget", re.compile(r"^Wget/(\d+)")),
    ("Python", re.compile(r"^(?:Python|python-requests|python-httpx|aiohttp)\b[^/]*/(\d+)")),
    ("Postman", re.compile(r"^PostmanRuntime/(\d+)")),
    ("Go", re.compile(r"^Go-http-client/(\d+)")),
)
_SYSTEMS: tuple[tuple[str, re.Pattern[str], Kind], ...] = (
    ("iPadOS", re.compile(r"\biPad\b"), "tablet"),
    ("iOS", re.compile(r"\b(?:iPhone|iPod)\b"), "phone"),
    ("Android", re.compile(r"\bAndroid\b.*\bMobile\b"), "phone"),
    ("Android", re.compile(r"\bAndroid\b"), "tablet"),
    ("ChromeOS", re.compile(r"\bCrOS\b"), "computer"),
    ("Windows", re.compile(r"\bWindows\b"), "computer"),
    ("macOS", re.compile(r"\b(?:Macintosh|Mac OS X)\b"), "computer"),
    ("Linux", re.compile(r"\b(?:Linux|X11)\b"), "computer"),
)


@dataclass(frozen=True)
class UserAgent:
    """A browser or program and its system; empty where it does not tell."""

    name: str
    system: str
    kind: Kind

    @classmethod
    def parse(cls, text: str) -> "UserAgent":
        """Read a User-Agent header. It is the client's own word, so it is only ever shown."""
        for name, pattern in _PROGRAMS:
            if pattern.search(text):
                return cls(name, "", "program")
        system, kind = _system(text)
        return cls(_browser(text), system, kind)

    @property
    def label(self) -> str:
        """The names of both, such as `Firefox, Windows`; empty where neither is known."""
        return ", ".join(part for part in (self.name, self.system) if part)


def _browser(text: str) -> str:
    return next((name for name, pattern in _BROWSERS if pattern.search(text)), "")


def _system(text: str) -> tuple[str, Kind]:
    for name, pattern, kind in _SYSTEMS:
        if pattern.search(text):
            return name, kind
    return "", "computer" if _browser(text) else "program"
