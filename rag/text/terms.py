"""Splits text into search terms. Indexed texts, questions and the answers to be verified are split in the same way.

Words are case-folded, stripped of accents and stemmed; function words are dropped. Text in a script without spaces is
split into overlapping pairs of characters.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from typing import cast

import Stemmer

# Question words are stop words too, because they show what type of answer is expected, not its topic.
STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be became because been before being between both but by can
    could did do does doing done down during each either else ever few for from further get got had has have having he
    her here hers herself him himself his how however i if in into is it its itself just like may me might more most much
    must my myself neither no nor not now of off on once only onto or other our ours ourselves out over own per
    please same shall she should so some such tell than that the their theirs them themselves then there these they this
    those through to too under until up upon very was we were what whatever when where whether which while who whoever
    whom whose why will with within without would you your yours yourself yourselves s t d ll m re ve don didn doesn isn
    wasn weren aren won hasn haven hadn""".split()
)

# Scripts without spaces between words (Han, Kana, Hangul, Thai, Lao, Burmese, Khmer), including their vowel signs.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    r"|(?P<initials>\b(?:[^\W\d_]\.){2,})"  # U.S. → us
    r"|(?P<number>\d+(?:[.,]\d+)+)"  # 98,024 → 98024; 3.5 → 3p5, because the index would split 3.5 at the point
    r"|(?P<base>\d+(?=[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]))"  # 10⁸ → 10, 8, because it is not 108
    rf"|(?P<word>(?:(?![{_UNSPACED}])[^\W_]|[\u0300-\u036f])+)"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MAX_LETTERS = 64  # longer words are probably encoded data
_MAX_CHARACTERS = 4 * _MAX_LETTERS  # with combining marks, before they are removed

_local = threading.local()  # one stemmer per thread, because stemmers are not thread-safe


def terms(text: str) -> list[str]:
    """Returns the terms of a text in order.

    Args:
        text: Any text.

    Returns:
        Lower-case stems that contain only letters and digits. Repeated terms are kept.

    Example:
        >>> terms("The U.S. raised 1,250 tariffs on Curaçao's exports")
        ['us', 'rais', '1250', 'tariff', 'curacao', 'export']
    """
    return [term for _, term in located_terms(text)]


def located_terms(text: str) -> Iterator[tuple[int, str]]:
    """Yields the same terms as `terms`, each with the offset of its word in `text`, in code points."""
    stem = _stemmer()
    for match in _WORD.finditer(text):
        kind, found, start = match.lastgroup, match.group(), match.start()
        if len(found) > _MAX_CHARACTERS and kind != "unspaced":
            continue
        if kind == "word":
            word = _plain(found)
            if word and word not in STOP_WORDS and len(word) <= _MAX_LETTERS:
                yield start, stem(word)
        elif kind == "unspaced":
            for i in range(max(1, len(found) - 1)):
                yield start + i, found[i : i + 2]
        elif kind == "number":
            yield start, _plain_number(found)
        else:
            yield start, _plain(found.replace(".", ""))


def _stemmer() -> Callable[[str], str]:
    if not hasattr(_local, "stem"):
        _local.stem = Stemmer.Stemmer("english", 100_000).stemWord
    return cast("Callable[[str], str]", _local.stem)


def _plain(word: str) -> str:
    """Converts a word to lower case without accents, for example Ångström to angstrom."""
    word = word.casefold()
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFKD", word) if c.isalnum())


def _plain_number(number: str) -> str:
    if _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    return number.replace(",", "p").replace(".", "p")
