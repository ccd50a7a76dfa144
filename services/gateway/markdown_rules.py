"""Markdown that admins write, as HTML that can do nothing (OWASP, Cross Site Scripting Prevention).

Tags in the text stand for themselves, and what comes out is sanitized once more: a mistake of the
one is no mistake of both. Pictures are left out but for their words, since none may come from
elsewhere. The libraries take 2.5 MiB, so this is loaded with the first text.
"""

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.token import Token
from markupsafe import Markup

from services.gateway.errors import TermsTooComplex

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_LOWEST = 6
_KEPT = 16
_MOST_SECONDS = 2.0
"""Of a processor, for one text. Prose of the greatest length takes a third of it."""
_MOST_SECONDS_TOGETHER = 10.0
"""The same, for all texts of a version."""
_MOST_CELLS = 10_000
_ENDS = "ends"
_DELIMITERS = re.compile(r"[\s>|:-]+")


def _words(renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    inside = tokens[index].children or []
    return escapeHtml(renderer.renderInlineAsText(inside, _MARKDOWN.options, {}))


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.add_render_rule("image", _words)


def _in_time(state: Any, *_: Any) -> bool:
    """Be a rule that nothing is ever said in, and raise where the time is over."""
    if _ENDS in state.env and time.thread_time() > state.env[_ENDS]:
        raise TermsTooComplex
    return False


def _small_table(state: StateBlock, begin: int, end: int, *silent: bool) -> bool:
    """Be the rule for tables, which adds all cells at one go, and raise where they are many."""
    if _ENDS in state.env and _cells(state, begin, end) > _MOST_CELLS:
        raise TermsTooComplex
    return table(state, begin, end, *silent)


def _cells(state: StateBlock, begin: int, end: int) -> int:
    """Return how many cells a table would have that begins in a line; none where none does."""
    if begin + 1 >= end or not _DELIMITERS.fullmatch(_line(state, begin + 1)):
        return 0
    rows = takewhile(lambda line: not state.isEmpty(line), range(begin, end))
    return sum(1 for _ in rows) * (_line(state, begin).count("|") + 1)


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] : state.eMarks[number]]


_MARKDOWN.block.ruler.before("table", "in-time", _in_time)
_MARKDOWN.block.ruler.at("table", _small_table, {"alt": ["paragraph", "reference"]})
_MARKDOWN.inline.ruler.before("text", "in-time", _in_time)


@lru_cache(maxsize=_KEPT)
def rendered(text: str, below: int = 1) -> Markup:
    """Return a text as HTML, with its headings below one of that level."""
    return _html(text, below, {})


def _html(text: str, below: int, env: dict[str, float]) -> Markup:
    tokens = _MARKDOWN.parse(text, env)
    _shift(tokens, below)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    safe = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer",
    )
    return Markup(safe)  # noqa: S704  It was sanitized in the line above.


def require_simple(texts: Sequence[str]) -> None:
    """Raise `TermsTooComplex` where texts take too long, so that no reader has to wait for one.

    What counts is the time of the processor, and so not what else it does. A few signs that may
    begin something, over and over, take fifty times as long as prose.
    """
    ends_together = time.thread_time() + _MOST_SECONDS_TOGETHER
    for text in texts:
        ends = min(time.thread_time() + _MOST_SECONDS, ends_together)
        _html(text, 1, {_ENDS: ends})
        if time.thread_time() > ends:
            raise TermsTooComplex


def _shift(tokens: list[Token], below: int) -> None:
    """Let the highest heading come right below that level, and leave no level out."""
    headings = [each for each in tokens if each.type in {"heading_open", "heading_close"}]
    levels = sorted({each.tag for each in headings})
    for each in headings:
        each.tag = f"h{min(_LOWEST, below + 1 + levels.index(each.tag))}"
