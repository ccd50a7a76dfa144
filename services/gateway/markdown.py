"""Markdown as HTML, without keeping anybody else waiting: a long text takes seconds."""

import asyncio
import importlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, cast

from markupsafe import Markup

# One text at a time, so that a crowd that reads a new version has it rendered once.
_READING = ThreadPoolExecutor(1, thread_name_prefix="markdown")
# Readers do not wait for what an admin is just saving.
_SAVING = ThreadPoolExecutor(1, thread_name_prefix="markdown-saving")


class Rules(Protocol):
    """What `services.gateway.markdown_rules` does, which is loaded late."""

    def rendered(self, text: str, below: int = 1) -> Markup:
        """Return a text as HTML, with its headings below one of that level."""
        ...

    def require_simple(self, texts: Sequence[str]) -> None:
        """Raise `TermsTooComplex` where texts take too long."""
        ...


async def html_of(text: str, below: int = 1) -> Markup:
    """Return a text as HTML that can do nothing, with its headings below one of that level."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_READING, lambda: _rules().rendered(text, below))


async def require_simple(texts: Iterable[str]) -> None:
    """Raise `TermsTooComplex` where texts take too long, so that no reader has to wait for one."""
    loop, all_of_them = asyncio.get_running_loop(), tuple(texts)
    await loop.run_in_executor(_SAVING, lambda: _rules().require_simple(all_of_them))


def _rules() -> Rules:
    return cast("Rules", importlib.import_module("services.gateway.markdown_rules"))
