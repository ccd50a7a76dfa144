"""Markdown that admins write becomes HTML that can do nothing."""

import time

import pytest

from services.gateway.errors import TermsTooComplex
from services.gateway.markdown import html_of, require_simple
from services.gateway.markdown_rules import rendered
from shared.contracts.terms import LongestTerms


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://elsewhere.example/pixel.png)",
        "![x](javascript:alert(1))",
        '[x](https://a.example "\\" onmouseover=\\"alert(1)")',
        "<https://a.example/\"onmouseover='alert(1)'>",
        "```<style>body{display:none}</style>\n<form action=/sign-out>\n```",
        "<a href='//elsewhere.example'>x</a>",
    ],
)
def test_nothing_in_it_runs_or_asks_anybody(text: str) -> None:
    html = rendered(text).lower()
    for tag in ("<script", "<img", "<style", "<form", "<iframe", "<object", "<svg"):
        assert tag not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    # A quote that is written out ends no attribute.
    assert '" onmouseover' not in html


def test_links_leave_alone_and_lead_nowhere_inside() -> None:
    assert rendered("[a](https://a.example)") == (
        '<p><a href="https://a.example" rel="noopener noreferrer">a</a></p>\n'
    )
    for inside in ("/sign-out", "//a.example", "?x=1", "sessions"):
        assert "href" not in rendered(f"[a]({inside})")


def test_a_picture_is_its_words() -> None:
    assert rendered("![A <map> & *more*](/map.png)") == "<p>A &lt;map&gt; &amp; more</p>\n"


@pytest.mark.parametrize(
    ("text", "below", "levels"),
    [
        ("# a\n## b\n# c", 1, ["h2", "h3", "h2"]),
        ("## a\n#### b", 1, ["h2", "h3"]),
        ("# a\n## b", 2, ["h3", "h4"]),
        ("# a\n## b\n### c\n#### d\n##### e\n###### f", 2, ["h3", "h4", "h5", "h6", "h6", "h6"]),
    ],
)
def test_headings_come_below_the_pages_own(text: str, below: int, levels: list[str]) -> None:
    html = rendered(text, below)
    assert [part[:2] for part in html.split("</")[1:]] == levels


async def test_what_terms_are_written_with_is_kept() -> None:
    text = "*a* **b** `c`\n\n- d\n\n3. e\n\n> f\n\n|g|h|\n|-|-|\n|i|j|\n\n---\n"
    html = await html_of(text)
    for tag in ("em", "strong", "code", "ul", "li", 'ol start="3"', "blockquote", "table", "hr"):
        assert f"<{tag}>" in html


@pytest.mark.parametrize("signs", ["![", "[", "- a\n", "*_", "[a](b*"])
async def test_signs_over_and_over_are_refused_before_anybody_has_to_read_them(
    signs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.markdown_rules._MOST_SECONDS", 0.1)
    began = time.process_time()
    with pytest.raises(TermsTooComplex):
        await require_simple([signs * (LongestTerms // len(signs))])
    assert time.process_time() - began < 2


async def test_a_table_is_refused_by_its_size_before_it_is_read() -> None:
    head = "a|b\n-|-\n"
    await require_simple([head + "c|d\n" * 2000])
    for before in ("", "> ", "text\n\n"):
        began = time.process_time()
        with pytest.raises(TermsTooComplex):
            await require_simple([before + head + "|\n" * 90_000])
        assert time.process_time() - began < 2


async def test_texts_are_too_complex_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.markdown_rules._MOST_SECONDS_TOGETHER", 0.1)
    await require_simple(["- a\n" * 100])
    with pytest.raises(TermsTooComplex):
        await require_simple(["- a\n" * 100 for _ in range(1000)])


async def test_prose_of_the_greatest_length_is_simple() -> None:
    words = "Who uses the **network** keeps to what [the law](https://law.example) asks of them. "
    part = f"## A part\n\n{words * 8}\n\n- {words}\n- {words}\n\n"
    await require_simple([part * (LongestTerms // len(part))])
