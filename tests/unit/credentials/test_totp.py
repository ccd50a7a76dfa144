"""Time-based codes: the vectors of RFC 6238, the steps that are taken, and what apps are given."""

import random
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
import segno

from services.credentials import recovery_codes
from services.credentials.totp import Totp
from shared.contracts.refusals import InvalidRequest

RFC = Totp(b"12345678901234567890")


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_the_rfc_are_met(seconds: int, code: str) -> None:
    assert RFC.step_of(code, at=moment(seconds)) == seconds // 30


@pytest.mark.asvs("6.5.5")
def test_the_current_step_and_the_one_before_are_taken_and_no_other() -> None:
    code = pyotp.TOTP(RFC.typed).at(1_000_000_020)
    step = 1_000_000_020 // 30
    taken = {
        offset: RFC.step_of(code, at=moment(step * 30 + offset))
        for offset in (-31, -1, 0, 29, 30, 59, 60, 90)
    }
    assert taken == {
        -31: None, -1: None, 0: step, 29: step, 30: step, 59: step, 60: None, 90: None,
    }  # fmt: skip


def test_a_code_may_be_typed_in_groups() -> None:
    assert RFC.step_of("287 082", at=moment(59)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "",
        "287083",
        "28708",
        "2870820",
        "94287082",
        "\uff12\uff18\uff17\uff10\uff18\uff12",
        "\u0662\u0668\u0667\u0660\u0668\u0662",
        "28708a",
        "+87082",
        "287-082",
    ],
)
def test_whatever_else_is_no_code(code: str) -> None:
    assert RFC.step_of(code, at=moment(59)) is None


@pytest.mark.asvs("6.5.3")
def test_every_secret_is_new_and_as_long_as_the_rfc_asks() -> None:
    secrets = {Totp.fresh().secret for _ in range(50)}
    assert len(secrets) == 50
    assert {len(each) for each in secrets} == {20}


def test_a_uri_fits_into_a_qr_code_however_long_the_names_are() -> None:
    uri = RFC.uri(issuer="\u684c" * 200, account="\u5b50" * 256)
    assert len(uri) < 1800
    assert segno.make(uri, error="m", micro=False).version
    assert str(pyotp.parse_uri(uri).name) == "\u5b50" * 60


def test_an_app_reads_the_uri_as_it_was_meant() -> None:
    uri = RFC.uri(issuer="Kontor & Söhne: Büro", account="ada+x@example.org")
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert parsed.secret == RFC.typed
    assert parsed.issuer == "Kontor & Söhne  Büro"
    assert parsed.name == "ada+x@example.org"
    assert (parsed.digits, parsed.interval) == (6, 30)
    parts = urlsplit(uri)
    assert unquote(parts.path).count(":") == 1
    assert set(parse_qs(parts.query)) == {"secret", "issuer"}


def test_a_secret_from_elsewhere_is_taken_as_it_is_typed() -> None:
    assert Totp.typed_as(RFC.typed) == RFC
    for other in ("a" * 26, "0" * 32, RFC.typed[:-1] + "1"):
        with pytest.raises(InvalidRequest):
            Totp.typed_as(other)


@pytest.mark.asvs("6.5.3")
def test_no_secret_and_no_code_can_be_told_from_the_plain_random_numbers() -> None:
    made = []
    for _ in range(2):
        random.seed(7)
        made.append((Totp.fresh().secret, recovery_codes.fresh()))
    assert made[0][0] != made[1][0]
    assert not set(made[0][1]) & set(made[1][1])


@pytest.mark.asvs("6.5.4")
def test_a_recovery_code_is_one_of_more_than_can_be_tried() -> None:
    letters = {letter for _ in range(100) for code in recovery_codes.fresh() for letter in code}
    (length,) = {len(code.replace("-", "")) for code in recovery_codes.fresh()}
    assert len(letters - {"-"}) ** length > 2**57
