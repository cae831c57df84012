"""Removes URLs from a model's reply, except those in the question or, if it asks for an address, in the sources.

Other URLs may be invented, or may come from instructions that someone put into a document (prompt injection).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

REMOVED = "[address removed]"
_MAX_WORD = 2_000  # maximum number of code points held back

_URL = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}:(?://|\\\\)|(?<![\w:/])//(?=[\w-]{1,63}\.[\w-])|\bwww\."
    r"|\b(?:data|javascript|mailto|tel|vbscript):)[^\s<>\"'`“”‘’]+",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}*_"
_ASKS_FOR_URL = re.compile(
    r"\b(?:address(?:es)?|urls?|links?|linked|web ?(?:site|page|address)s?|sites?|home ?page|online|download|domain"
    r"|repository|doi|e-?mails?|phone|telephone|contact)\b|https?:",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"!\[[^\]\n]{0,200}\](?=\(|\[|:)")


def allowed_texts(question: str, sources: Sequence[str]) -> list[str]:
    """Returns the texts whose URLs an answer may repeat: the question and, if it asks for an address, the sources."""
    return [question, *(sources if _ASKS_FOR_URL.search(question) else ())]


def without_foreign_urls(text: str, allowed: Sequence[str]) -> str:
    """Replaces URLs with "[address removed]" unless an allowed text contains them, and removes Markdown image syntax.

    Example:
        >>> without_foreign_urls("see https://a.org/x and ![](https://evil.org/?q=1).", ["at https://a.org/x"])
        'see https://a.org/x and ([address removed]).'
    """

    def checked(match: re.Match[str]) -> str:
        url = match.group().rstrip(_TRAILING)
        if any(url in source for source in allowed):
            return match.group()
        return REMOVED + match.group()[len(url) :]

    return _IMAGE.sub("", _URL.sub(checked, text))


class UrlFilter:
    """Filters the URLs in a text that arrives in pieces. Each word is held back until it is complete.

    Args:
        allowed: Texts whose URLs may be repeated.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = allowed
        self._pending = ""

    def feed(self, delta: str) -> str:
        """Takes the next piece of the text. Returns the filtered text that can be shown now."""
        text = self._pending + delta
        end = max((text.rfind(space) + 1 for space in " \n\t"), default=0)
        if len(text) - end > _MAX_WORD:  # text in a script without spaces, or something that is not a word
            end = len(text)
        self._pending = text[end:]
        return without_foreign_urls(text[:end], self._allowed)

    def flush(self) -> str:
        """Returns the rest of the text, which was held back. Must be called after the last piece."""
        pending, self._pending = self._pending, ""
        return without_foreign_urls(pending, self._allowed)
