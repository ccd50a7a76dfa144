"""zxcvbn's word lists in a sixth of the memory that it keeps them in, and its time bounded.

It holds nearly a hundred thousand words in dicts, 12 MiB for the whole life of a
process that rates a password now and then. Here each list is one string and three arrays, sorted
by checksum, which is fast to search since nearly every word that is looked up is not there.

Its time is bounded here, too. It reads a password anew for every way in which its signs may stand
for letters, and looks up every part of it each time: two dozen odd signs kept it busy for ten
seconds. Here the ways are few, and a part whose beginning begins no word is not made longer.
"""

import gc
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from math import prod
from typing import Any, cast
from zlib import crc32

from zxcvbn import frequency_lists, matching

_MOST_READINGS = 8
_SHARED_SIGNS = "1|7"
_BEGINNING = 4
"""Letters of a beginning. Of the half million there are, one in twenty begins a word."""


class RankedWords:
    """Words with their ranks, answering `in` and `[]` as the dict does that it is made from."""

    def __init__(self, ranks: Mapping[str, int]) -> None:
        words = sorted(ranks, key=_checksum)
        self._checksums = array("I", map(_checksum, words))
        self._ranks = array("I", (ranks[word] for word in words))
        self._text = "".join(words)
        self.longest = max(map(len, words), default=0)
        self._starts = array("I", [0])
        for word in words:
            self._starts.append(self._starts[-1] + len(word))

    def __contains__(self, word: str) -> bool:
        """Tell whether the word is listed."""
        return len(word) <= self.longest and self._find(word) is not None

    def __getitem__(self, word: str) -> int:
        """Return the word's rank, 1 for the most frequent; KeyError where it is not listed."""
        found = self._find(word)
        if found is None:
            raise KeyError(word)
        return self._ranks[found]

    def __iter__(self) -> Iterator[str]:
        """Return the words, in no order that means anything."""
        return (self._text[start:end] for start, end in pairwise(self._starts))

    def __len__(self) -> int:
        """Return how many words there are."""
        return len(self._ranks)

    def _find(self, word: str) -> int | None:
        sought = _checksum(word)
        place = bisect_left(self._checksums, sought)
        while place < len(self._checksums) and self._checksums[place] == sought:
            if self._text[self._starts[place] : self._starts[place + 1]] == word:
                return place
            place += 1
        return None


Ranks = RankedWords | Mapping[str, int]


def _checksum(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass"))


def compacted() -> Mapping[str, RankedWords]:
    """Put zxcvbn's lists into compact form, for it and for us, and return them by name."""
    lists = cast("dict[str, RankedWords]", matching.RANKED_DICTIONARIES)
    for name, ranks in list(matching.RANKED_DICTIONARIES.items()):
        if isinstance(ranks, dict):
            lists[name] = RankedWords(ranks)
    frequency_lists.FREQUENCY_LISTS.clear()
    gc.collect()
    return lists


LISTS = compacted()
_BEGINNINGS = array(
    "I", sorted({_checksum(word[:_BEGINNING]) for words in LISTS.values() for word in words})
)
_LONGEST = max(words.longest for words in LISTS.values())


def words_in(password: str, _ranked_dictionaries: Mapping[str, Ranks]) -> list[dict[str, Any]]:
    """Return every listed word in a password, as zxcvbn's own search does, but sooner."""
    told = cast("Mapping[str, int]", _ranked_dictionaries.get("user_inputs", {}))
    beginnings = {word[:_BEGINNING] for word in told}
    longest = max(_LONGEST, max(map(len, told), default=0))
    lowered, found = password.lower(), []
    for i in range(len(password)):
        for j in range(i, min(len(password), i + longest)):
            word = lowered[i : j + 1]
            if len(word) == _BEGINNING and word not in beginnings and not _begins_one(word):
                break
            found += [
                _match(name, ranks[word], i, j, password, word)
                for name, ranks in _ranked_dictionaries.items()
                if word in ranks
            ]
    return found


def _begins_one(word: str) -> bool:
    sought = _checksum(word)
    place = bisect_left(_BEGINNINGS, sought)
    return place < len(_BEGINNINGS) and _BEGINNINGS[place] == sought


def _match(name: str, rank: int, i: int, j: int, password: str, word: str) -> dict[str, Any]:
    return {
        "pattern": "dictionary",
        "i": i,
        "j": j,
        "token": password[i : j + 1],
        "matched_word": word,
        "rank": rank,
        "dictionary_name": name,
        "reversed": False,
        "l33t": False,
    }


def readings(signs: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return the ways to read signs as letters, of which `signs` says which may stand for which.

    Where they are few they are zxcvbn's own, in which one sign at a time stands for a letter.
    Where they are many, all of a letter's signs stand for it at once. That leaves a choice for
    the three signs that two letters share, and each of these may stand for itself, too.
    """
    if prod(map(len, signs.values())) <= _MOST_READINGS:
        return cast("list[dict[str, str]]", _ONE_SIGN_EACH(signs))
    meanings: dict[str, list[str]] = {sign: [sign] for sign in _SHARED_SIGNS}
    for letter, stand_for_it in signs.items():
        for sign in stand_for_it:
            meanings.setdefault(sign, []).append(letter)
    return [
        {sign: letter for sign, letter in zip(meanings, chosen, strict=True) if sign != letter}
        for chosen in product(*meanings.values())
    ]


_ONE_SIGN_EACH = matching.enumerate_l33t_subs
matching.enumerate_l33t_subs = readings
matching.dictionary_match = words_in
