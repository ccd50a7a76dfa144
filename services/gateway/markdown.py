"""Markdown that admins write, as HTML that can do nothing (OWASP, Cross Site Scripting Prevention).

Tags in the text stand for themselves, and what comes out is sanitized once more: a mistake of the
one is no mistake of both. Pictures are left out but for their words, since none may come from
elsewhere.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_LOWEST = 6
_KEPT = 16
_ONE = ThreadPoolExecutor(1, thread_name_prefix="markdown")


def _words(renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    inside = tokens[index].children or []
    return escapeHtml(renderer.renderInlineAsText(inside, _MARKDOWN.options, {}))


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.add_render_rule("image", _words)


@lru_cache(maxsize=_KEPT)
def rendered(text: str, below: int = 1) -> Markup:
    """Return a text as HTML, with its headings below one of that level."""
    tokens = _MARKDOWN.parse(text)
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


async def html_of(text: str, below: int = 1) -> Markup:
    """Return the same without keeping everybody else waiting: a long text takes seconds.

    One is rendered at a time, so that a crowd that reads a new version has it rendered once.
    """
    return await asyncio.get_running_loop().run_in_executor(_ONE, rendered, text, below)


def _shift(tokens: list[Token], below: int) -> None:
    """Let the highest heading come right below that level, and leave no level out."""
    headings = [each for each in tokens if each.type in {"heading_open", "heading_close"}]
    levels = sorted({each.tag for each in headings})
    for each in headings:
        each.tag = f"h{min(_LOWEST, below + 1 + levels.index(each.tag))}"
