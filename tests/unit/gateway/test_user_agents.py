"""What browsers call themselves, and what people are shown of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.user_agents import UserAgent

BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
TABLET = "Mozilla/5.0 (Linux; Android 14; SM-X200)"
TELEPHONE = "Mozilla/5.0 (Linux; Android 15; SM-S911B)"


@pytest.mark.parametrize(
    ("text", "label", "kind"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/140.0 Safari/537.36",
            "Chrome, Windows",
            "computer",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {BLINK} Chrome/140.0 Safari/537.36 Edg/140.0",
            "Microsoft Edge, Windows",
            "computer",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox, Linux",
            "computer",
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/140.0 Safari/537.36",
            "Chrome, ChromeOS",
            "computer",
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} HeadlessChrome/140.0 Safari/537.36",
            "Chrome, Linux",
            "computer",
        ),
        (f"{MAC} {WEBKIT} Version/18.5 Safari/605.1.15", "Safari, macOS", "computer"),
        (f"{IPHONE} {WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1", "Safari, iOS", "phone"),
        (
            f"Mozilla/5.0 (iPad; CPU OS 17_0) {WEBKIT} CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome, iPadOS",
            "tablet",
        ),
        (
            f"{TELEPHONE} {BLINK} SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36",
            "Samsung Internet, Android",
            "phone",
        ),
        (f"{TABLET} {BLINK} Chrome/140.0 Safari/537.36", "Chrome, Android", "tablet"),
        ("curl/8.5.0", "curl", "program"),
        ("Python/3.11 aiohttp/3.14.5", "Python", "program"),
        ("", "", "program"),
        ("something else", "", "program"),
    ],
)
def test_browsers_and_programs_are_recognised(text: str, label: str, kind: str) -> None:
    parsed = UserAgent.parse(text)
    assert (parsed.label, parsed.kind) == (label, kind)


@given(st.text(max_size=512))
def test_whatever_a_client_says_is_read(text: str) -> None:
    UserAgent.parse(text)
