"""Compact word lists answer as the dicts do that they are made from."""

import subprocess
import sys

import pytest
from zxcvbn import matching

from services.credentials.dictionaries import LISTS, RankedWords, readings, words_in

RANKS = {"otter": 1, "violet": 2, "straße": 3, "lamp": 4, "": 5}
# These two differ and have the same CRC-32.
COLLIDING = ("plumless", "buckeroo")

RATE = """
import sys
if {compact}:
    import services.credentials.dictionaries
from zxcvbn import zxcvbn
for password in sys.argv[1:]:
    rated = zxcvbn(password, user_inputs=["brandt"])
    print(rated["guesses"], [(m["pattern"], m["token"]) for m in rated["sequence"]])
"""
PASSWORDS = [
    "correct horse battery", "P4ssw0rd1999", "jonas.brandt.bremen", "qwertzuiop", "ylime",
    "xq7!Zv9$Lm2#Tn4", "tr0ub4dor&3", "1l0ve|t7 17.3.1987", "straßen İstanbul", "Bdrandt",
]  # fmt: skip


def test_every_word_has_its_rank() -> None:
    words = RankedWords(RANKS)
    assert {word: words[word] for word in RANKS} == RANKS
    assert len(words) == len(RANKS)


@pytest.mark.parametrize("word", ["ott", "otters", "Otter", "unlisted", "\ud800"])
def test_what_is_not_listed_is_not_found(word: str) -> None:
    words = RankedWords(RANKS)
    assert word not in words
    with pytest.raises(KeyError):
        words[word]


def test_words_with_the_same_checksum_are_told_apart() -> None:
    words = RankedWords({COLLIDING[0]: 7, COLLIDING[1]: 8})
    assert (words[COLLIDING[0]], words[COLLIDING[1]]) == (7, 8)
    assert COLLIDING[1] not in RankedWords({COLLIDING[0]: 7})


def test_all_lists_of_the_library_are_there() -> None:
    assert len(LISTS["passwords"]) == 30_000
    assert "password" in LISTS["passwords"]


def test_signs_that_stand_for_letters_are_read_in_a_few_ways_only() -> None:
    signs = {letter: list(each) for letter, each in matching.L33T_TABLE.items()}
    assert len(readings(signs)) == 27


def test_two_signs_for_one_letter_are_both_read_as_it_where_there_are_many() -> None:
    found = words_in("passwords", LISTS)
    assert "passwords" in {each["token"] for each in found}
    read = readings({"a": ["4", "@"], "s": ["$", "5"], "o": ["0"], "c": ["(", "<", "["]})
    assert read == [
        {"4": "a", "@": "a", "$": "s", "5": "s", "0": "o", "(": "c", "<": "c", "[": "c"}
    ]


def test_ratings_are_those_of_the_library_by_itself() -> None:
    def rated(*, compact: bool) -> str:
        program = RATE.format(compact=compact)
        argv = [sys.executable, "-c", program, *PASSWORDS]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    assert rated(compact=True) == rated(compact=False)
