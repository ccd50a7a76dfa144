"""Every text that a page, a problem or a mail asks for is there, in every language."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import jinja2
import pytest
from jinja2 import nodes

import services
from services.gateway.portal import page as portal_page
from shared import problems
from shared.contracts.activity import Flag
from shared.contracts.events import Cause, CredentialType, LockCause
from shared.contracts.methods import What
from shared.contracts.refusals import Refusal
from shared.texts import Catalogues

CATALOGUES = Catalogues.load()
ENGLISH = CATALOGUES.texts["en"]
TEMPLATES = Path(portal_page.__file__).parent / "templates"
# "Kennwort", "Benutzer-ID", "Sicherheitsangaben" and "der Helpdesk" are.
NOT_OF_THE_HOUSE = ("Passw[oö]rt", "Benutzerkennung", "Sicherheitsinformation", "das Helpdesk")
PLURALS = (".one", ".other")
# A name with a part that is filled in when the page is made.
OPEN = "*"


def asked_for() -> dict[str, str]:
    """Return what the templates ask for, and which template does."""
    environment = jinja2.Environment(autoescape=True)
    found = {}
    for path in TEMPLATES.iterdir():
        tree = environment.parse(path.read_text())
        for call in tree.find_all(nodes.Call):
            for text_id in _ids_of(call):
                found[text_id] = path.name
        # Names that stand in a list first.
        for constant in tree.find_all(nodes.Const):
            if isinstance(constant.value, str) and constant.value in ENGLISH:
                found[constant.value] = path.name
    return found


def _ids_of(call: nodes.Call) -> Iterator[str]:
    if not call.args:
        return
    if isinstance(call.node, nodes.Name) and call.node.name == "text":
        yield from _names(call.args[0])
    if isinstance(call.node, nodes.Getattr) and call.node.attr == "quoting":
        yield from _names(call.args[0])
    if isinstance(call.node, nodes.Getattr) and call.node.attr == "count":
        yield from (name + form for name in _names(call.args[0]) for form in PLURALS)


def _names(node: nodes.Node) -> list[str]:
    if isinstance(node, nodes.Const):
        return [str(node.value)]
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        return [*_names(node.expr1), *_names(node.expr2)]
    if isinstance(node, nodes.Concat):
        return ["".join("".join(_names(part)) or OPEN for part in node.nodes)]
    return []


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Return every kind of refusal that any service knows."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.endswith(".errors"):
            importlib.import_module(module.name)
    importlib.import_module("shared.service")
    yield kind
    for narrower in kind.__subclasses__():
        yield from refusals(narrower)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", CATALOGUES.languages)
def test_every_language_has_the_same_texts_with_the_same_values(language: str) -> None:
    texts = CATALOGUES.texts[language]
    assert set(texts) == set(ENGLISH)
    assert {i: placeholders(t) for i, t in texts.items()} == {
        i: placeholders(t) for i, t in ENGLISH.items()
    }
    assert [i for i, t in texts.items() if not t.strip()] == []


@pytest.mark.parametrize("word", NOT_OF_THE_HOUSE)
def test_one_thing_has_one_name_in_german(word: str) -> None:
    assert [each for each, text in CATALOGUES.texts["de"].items() if re.search(word, text)] == []


def test_every_text_that_a_template_asks_for_is_there() -> None:
    missing = {
        text_id: template
        for text_id, template in asked_for().items()
        if not any(_pattern(text_id).fullmatch(known) for known in ENGLISH)
    }
    assert missing == {}


def test_no_text_is_left_that_nobody_asks_for() -> None:
    patterns = [_pattern(text_id) for text_id in asked_for()]
    sources = "".join(
        path.read_text() for folder in ("services", "shared") for path in _sources(folder)
    )
    spare = [
        text_id
        for text_id in ENGLISH
        if not any(pattern.fullmatch(text_id) for pattern in patterns)
        and f'"{text_id}"' not in sources
        and not text_id.startswith(("reason.", "mail."))
    ]
    assert spare == []


def test_every_refusal_has_words() -> None:
    missing = {
        kind.type
        for kind in refusals()
        for part in ("title", "detail")
        if f"problem.{kind.type}.{part}" not in ENGLISH
    }
    assert missing == set()


@pytest.mark.parametrize("flag", get_args(Flag))
def test_every_reason_to_look_at_a_sign_in_has_words(flag: str) -> None:
    assert f"activity.flag.{flag}" in ENGLISH


@pytest.mark.parametrize("cause", get_args(Cause))
def test_every_cause_has_words(cause: str) -> None:
    for text_id in (f"ended.{cause}", f"receipt.cause.{cause}", f"receipt.committed.{cause}"):
        assert text_id in ENGLISH


@pytest.mark.parametrize(
    "reason",
    [
        "too-short", "too-long", "unusable-characters", "breached", "contains-your-name",
        "contains-organization-name", "banned", "too-guessable", "same-as-current", "used-before",
        "not-confirmed", "out-of-range", "mismatch", "missing", "wrong", "unfit",
        *sorted(set(problems._REASONS.values())),
    ],
)  # fmt: skip
def test_every_reason_has_words(reason: str) -> None:
    assert f"reason.{reason}" in ENGLISH


@pytest.mark.parametrize("language", CATALOGUES.languages)
@pytest.mark.parametrize("text_id", [each for each in ENGLISH if each.startswith("mail.")])
def test_mails_can_be_written(language: str, text_id: str) -> None:
    values: dict[str, Any] = dict.fromkeys(
        ("name", "user_id", "organization", "at", "portal", "helpdesk", "method", "left", "whose"),
        "x",
    )
    # Nobody knows the name of who reads a mail at an address that is no method any more.
    is_elsewhere = ".former-address." in text_id or ".reset-address." in text_id
    told = ("user_id", "at", "portal") if is_elsewhere else tuple(values)
    assert CATALOGUES.text(text_id, language, **{name: values[name] for name in told})


@pytest.mark.parametrize("what", get_args(What))
def test_every_change_that_is_listed_has_words(what: str) -> None:
    assert f"security.last.{what}" in ENGLISH


@pytest.mark.parametrize("cause", [*get_args(Cause), *get_args(LockCause)])
def test_every_cause_that_is_mailed_has_words(cause: str) -> None:
    ends_without_a_mail = {"signed-out", "ended-by-user", "expired"}
    assert cause in ends_without_a_mail or f"mail.{cause}.text" in ENGLISH


@pytest.mark.parametrize("method", sorted({*get_args(CredentialType)} - {"password"}))
def test_every_kind_of_method_has_words_in_mails(method: str) -> None:
    assert {f"mail.about.{method}", f"mail.method-added.{method}.text"} & set(ENGLISH)


def _pattern(text_id: str) -> re.Pattern[str]:
    return re.compile(re.escape(text_id).replace(re.escape(OPEN), r"[\w-]+"))


def _sources(folder: str) -> Iterator[Path]:
    root = Path(services.__path__[0]).parent
    return (root / folder).rglob("*.py")


@pytest.mark.parametrize(
    ("text_id", "of_one_alone"),
    [
        # Who changes a password has an old one; who shows again who they are has one alone.
        ("problem.wrong-password.title", {"old", "alte"}),
        # Leaving an organization takes five minutes, anything else ten.
        ("problem.step-up-required.detail", {"ten", "five", "zehn", "fünf"}),
    ],
)
@pytest.mark.parametrize("language", CATALOGUES.languages)
def test_what_several_pages_say_fits_each_of_them(
    language: str, text_id: str, of_one_alone: set[str]
) -> None:
    assert not of_one_alone & {*CATALOGUES.text(text_id, language).split()}


def test_in_german_a_secret_and_a_name_are_called_the_same_everywhere() -> None:
    other_words = re.compile(r"(?i)passw(ort|ört)|benutzer(name|kennung)|anmeldename")
    german = CATALOGUES.texts["de"]
    assert [text_id for text_id, text in german.items() if other_words.search(text)] == []
