"""zxcvbn's word lists in a sixth of the memory that it keeps them in.

It holds nearly a hundred thousand words in dicts, 12 MiB for the whole life of a
process that rates a password now and then. Here each list is one string and three arrays, sorted
by checksum, which is fast to search since nearly every word that is looked up is not there.
"""

import gc
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from typing import cast
from zlib import crc32

from zxcvbn import frequency_lists, matching


class RankedWords:
    """Words with their ranks, answering `in` and `[]` as the dict does that it is made from."""

    def __init__(self, ranks: Mapping[str, int]) -> None:
        words = sorted(ranks, key=_checksum)
        self._checksums = array("I", map(_checksum, words))
        self._ranks = array("I", (ranks[word] for word in words))
        self._text = "".join(words)
        self._starts = array("I", [0])
        for word in words:
            self._starts.append(self._starts[-1] + len(word))

    def __contains__(self, word: str) -> bool:
        """Tell whether the word is listed."""
        return self._find(word) is not None

    def __getitem__(self, word: str) -> int:
        """Return the word's rank, 1 for the most frequent; KeyError where it is not listed."""
        found = self._find(word)
        if found is None:
            raise KeyError(word)
        return self._ranks[found]

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
