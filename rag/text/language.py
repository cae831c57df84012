"""Which language a text is in. The only home of py3langid, which is loaded for what is not plainly English."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.text.terms import STOP_WORDS, terms

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNSERVED = (
    "{what} in {language}, and the shipped embedder was made for English: passages are found by their words more than by"
    " their meaning. A multilingual embedder finds both: set embedder to 'openai:<model>', then run `rag reindex`."
)

ENGLISH = "en"
_PART = 2_000  # code points looked at, of the beginning, of the middle and of the end
_LEAST_LETTERS = 60  # below it, nothing is said of a document in an alphabet that many languages share
_ENGLISH_SHARE = 0.25  # of English function words, from which a text is English: .95 of English paragraphs, of others none
_SURE = 0.9  # probability from which a language is named
_LEAST_WORDS = 3  # of a question
_NO_LANGUAGE = "zxx"  # how py3langid calls what is no language
_WORD = re.compile(r"[^\W\d_]+")
# Scripts that one language has to itself; Japanese is written with Han signs too, and never without Kana.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]"), 0.05),
    ("ko", re.compile("[\uac00-\ud7af]"), 0.5),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"), 0.5),
    ("th", re.compile("[\u0e00-\u0e7f]"), 0.5),
    ("el", re.compile("[\u0370-\u03ff]"), 0.5),
)


def language_of(text: str) -> str:
    """The language of a document, as ISO 639-1 code; empty when it cannot be told.

    Example:
        >>> language_of("The ferry was laid up in 2020 after a fire in the engine room, and the crew was sent home.")
        'en'
    """
    if len(text) > 3 * _PART:
        middle = (len(text) - _PART) // 2
        text = " ".join((text[:_PART], text[middle : middle + _PART], text[-_PART:]))
    words = _WORD.findall(text.lower())
    letters = sum(map(len, words))
    if (code := _by_script(text, letters)) or letters < _LEAST_LETTERS:
        return code
    if sum(word in STOP_WORDS and len(word) > 1 for word in words) >= _ENGLISH_SHARE * len(words):
        return ENGLISH
    return _identified(text)


def language_of_question(question: str, common: Container[str]) -> str:
    """The language of a question, where it is another than English; empty when it is not, or cannot be told.

    Args:
        question: As it was asked.
        common: The commonest stems of English: where they prevail, nothing is looked up.

    Example:
        >>> language_of_question("What did India raise?", ()), language_of_question("印度提出了什么？", ())
        ('', 'zh')
    """
    words = _WORD.findall(question.lower())
    if code := _by_script(question, sum(map(len, words))):
        return code
    if len(words) < _LEAST_WORDS or any(word in STOP_WORDS for word in words):
        return ""
    stems = terms(question)
    if 2 * sum(stem in common for stem in stems) > len(stems):
        return ""
    code = _identified(question)
    return "" if code == ENGLISH else code


def language_notice(question: str, documents: Sequence[str], served: frozenset[str], common: Container[str]) -> str:
    """What to tell who asks in, or of documents in, a language that the embedder was not made for; mostly nothing.

    Args:
        question: As it was asked.
        documents: The language of each passage that was found, "" where it is not known.
        served: The languages that the embedder was made for.
        common: The commonest stems of English.
    """
    foreign = Counter(code for code in documents if code and code not in served)
    of_question = language_of_question(question, common)
    found = 2 * foreign.total() >= len(documents) > 0
    asked = bool(of_question) and of_question not in served
    if not found and not asked:
        return ""
    code = foreign.most_common(1)[0][0] if found else of_question
    same = found and asked and code == of_question
    what = "The question and what was found are" if same else "What was found is" if found else "The question is"
    return UNSERVED.format(what=what, language=name_of(code))


def name_of(code: str) -> str:
    """A language's English name; its code where none is known.

    Example:
        >>> name_of("de"), name_of("q?")
        ('German', 'q?')
    """
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(code).english_name or code
    except (ValueError, UnknownLocaleError):
        return code


def _by_script(text: str, letters: int) -> str:
    return next((code for code, signs, share in _SCRIPTS if letters and len(signs.findall(text)) >= share * letters), "")


def _identified(text: str) -> str:
    code, probability = _identifier().classify(text)
    return str(code) if probability >= _SURE and code != _NO_LANGUAGE else ""


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # .5 s, 90 MB

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
