"""The words that people read: one catalogue per language, each text under a stable id."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.messages.pofile import read_po

DefaultLanguage = "en"
_NO_LANGUAGES = {"mul", "und", "zxx"}
"""What the list has for several, for an unknown one and for none."""
_SCRIPT_LENGTH = 4


@dataclass(frozen=True)
class Catalogues:
    """Texts by language and id. A language that is not there is answered in English."""

    texts: dict[str, dict[str, str]]

    @classmethod
    @cache
    def load(cls, *beginnings: str) -> "Catalogues":
        """Read every catalogue beside this file, once: they are part of the program.

        Where beginnings of ids are named, nothing is kept of the other texts.
        """
        paths = sorted(Path(__file__).parent.glob("*.po"))
        return cls({path.stem: _read(path, beginnings or ("",)) for path in paths})

    @property
    def languages(self) -> list[str]:
        """The languages there are, the default one first."""
        return sorted(self.texts, key=lambda language: (language != DefaultLanguage, language))

    def nearest(self, language: str | None) -> str:
        """Return the language that is there for the one asked for, such as `de` for `de-AT`."""
        base = (language or DefaultLanguage).replace("_", "-").split("-")[0].lower()
        return base if base in self.texts else DefaultLanguage

    def text(self, text_id: str, language: str | None, **values: str) -> str:
        """Return a text with its values filled in. An unknown id raises KeyError."""
        return self.texts[self.nearest(language)][text_id].format(**values)

    def has(self, text_id: str) -> bool:
        """Tell whether there is such a text."""
        return text_id in self.texts[DefaultLanguage]

    def moment(self, at: datetime, language: str | None) -> str:
        """Return a point in time as people of that language write it, in UTC."""
        return format_datetime(at, "long", locale=_locale(self.nearest(language)))


def is_language(tag: str) -> bool:
    """Tell whether there are the language, script and region of a tag (BCP 47), by Unicode's list.

    That is more than the languages there are texts in.
    """
    language, *rest = tag.split("-")
    names = Locale(DefaultLanguage)
    if language.lower() not in names.languages.keys() - _NO_LANGUAGES:
        return False
    scripts = [each.title() for each in rest if len(each) == _SCRIPT_LENGTH and each.isalpha()]
    regions = [each.upper() for each in rest if len(each) < _SCRIPT_LENGTH]
    return all(each in names.scripts for each in scripts) and all(
        each in names.territories for each in regions
    )


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except UnknownLocaleError:
        return Locale.parse(DefaultLanguage)


def _read(path: Path, beginnings: tuple[str, ...]) -> dict[str, str]:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    read = ((str(message.id), str(message.string)) for message in catalogue if message.id)
    return {text_id: text for text_id, text in read if text_id.startswith(beginnings)}
