"""What admins fill in about terms of use, in a form or a body."""

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.gateway.forms import Body, LanguageTag, Line, Time
from shared.contracts.terms import (
    LargestPdfBody,
    LargestTerms,
    LongestTerms,
    MostTexts,
    MostValidDays,
    Pdf,
    ReAccept,
    TermsContent,
)

# Control characters but those that end a line or indent it, and what turns the order around.
_UNFIT = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"


def _lines(said: object) -> object:
    """Return a text with the ends of lines as they are kept; a form has others."""
    return said.replace("\r\n", "\n").replace("\r", "\n") if isinstance(said, str) else said


Text = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=LongestTerms, pattern=rf"^[^{_UNFIT}]*[^\s{_UNFIT}][^{_UNFIT}]*$"
    ),
    BeforeValidator(_lines),
]


Content = Annotated[str, StringConstraints(min_length=1, max_length=LargestPdfBody)]
"""A file in base64."""


class TermsTextBody(Body):
    """A version in one language: Markdown, in which HTML stands for itself, or else a PDF.

    `pdf` is one that the document has already, by its SHA-256 in hexadecimal digits.
    """

    language: LanguageTag
    title: Line
    text: Text | None = None
    pdf: Pdf | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.text is None) == (self.pdf is None):
            raise PydanticCustomError("missing", "A text is either Markdown or a PDF")
        return self


class PdfBody(Body):
    """A PDF that a version is to say in one language; `content` is the file in base64."""

    language: LanguageTag
    title: Line
    content: Content


def _in_different_languages(texts: tuple[TermsTextBody, ...]) -> tuple[TermsTextBody, ...]:
    if len({each.language.lower() for each in texts}) != len(texts):
        raise PydanticCustomError("repeated", "One language is there twice")
    if sum(len((each.text or "").encode()) for each in texts) > LargestTerms:
        raise PydanticCustomError("string_too_long", "All texts together are too long")
    return texts


class TermsBody(Body):
    """What a version says, and what it asks of people.

    The first text is for who reads no other language. With `re_accept` it asks those who have
    accepted an earlier version to do so anew. An acceptance is valid for `valid_days`, or for good.
    """

    required: bool
    re_accept: ReAccept
    valid_days: Annotated[int, Field(ge=1, le=MostValidDays)] | None = None
    texts: Annotated[
        tuple[TermsTextBody, ...],
        Field(max_length=MostTexts, strict=False),
        AfterValidator(_in_different_languages),
    ] = ()

    def content(self) -> TermsContent:
        """Return it as the profile service takes it."""
        return TermsContent(**self.model_dump())


class PublishBody(Body):
    """When a version is to be in force; at once, if that is left out or past."""

    effective_at: Time | None = None
