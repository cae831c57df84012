"""Addresses in what a model writes: one that nobody asked for, or that no source has, was made up or talked into it."""

from __future__ import annotations

import re
from collections.abc import Sequence

LEFT_OUT = "[address left out]"

_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}:(?://|\\\\)|(?<![\w:/])//(?=[\w-]{1,63}\.[\w-])|\bwww\."
    r"|\b(?:data|javascript|mailto|tel|vbscript):)[^\s<>\"'`“”‘’]+",
    re.IGNORECASE,
)
_ENDING = ".,;:!?)]}*_"
_ASKED_FOR = re.compile(
    r"\b(?:address(?:es)?|urls?|links?|linked|web ?(?:site|page|address)s?|sites?|home ?page|online|download|domain"
    r"|repository|doi|e-?mails?|phone|telephone|contact)\b|https?:",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"!\[[^\]\n]{0,200}\](?=\(|\[|:)")


def known_addresses(question: str, sources: Sequence[str]) -> list[str]:
    """The texts whose addresses an answer may repeat: the question, and the sources if it asks for an address."""
    return [question, *(sources if _ASKED_FOR.search(question) else ())]


def without_foreign(text: str, known: Sequence[str]) -> str:
    """The text with every address that none of the known texts holds replaced, and no picture called for.

    Example:
        >>> without_foreign("see https://a.org/x and ![](https://evil.org/?q=1).", ["at https://a.org/x"])
        'see https://a.org/x and ([address left out]).'
    """

    def kept(match: re.Match[str]) -> str:
        address = match.group().rstrip(_ENDING)
        if any(address in source for source in known):
            return match.group()
        return LEFT_OUT + match.group()[len(address) :]

    return _PICTURE.sub("", _ADDRESS.sub(kept, text))


class UrlFilter:
    """The same for a text that comes in pieces: a word is passed on when it is whole."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self._begun = ""

    def feed(self, piece: str) -> str:
        """What may be shown now."""
        text = self._begun + piece
        cut = max((text.rfind(space) + 1 for space in " \n\t"), default=0)
        if len(text) - cut > _LONGEST_WORD:  # a script without spaces, or no word at all
            cut = len(text)
        self._begun = text[cut:]
        return without_foreign(text[:cut], self._known)

    def rest(self) -> str:
        """What was held back, at the end."""
        last, self._begun = self._begun, ""
        return without_foreign(last, self._known)


_LONGEST_WORD = 2_000
