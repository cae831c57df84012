"""Detects a text's language. Only this module uses py3langid, which is loaded only if a text is not clearly English."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.text.terms import STOP_WORDS, terms

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_UNSUPPORTED = (
    "{what} in {language}, but the built-in embedder was made for English, so passages are found more by their wording than"
    " by their meaning. To search by both, set embedder to a multilingual model, 'openai:<model>', then run `rag reindex`."
)

ENGLISH = "en"
_PART = 2_000  # number of code points examined at the beginning, in the middle and at the end of a text
_MIN_LETTERS = 60  # in a shorter document, the language is detected only if the script belongs to one language
_ENGLISH_SHARE = 0.25  # share of English function words; 95% of English paragraphs exceed it, other languages never do
_MIN_PROBABILITY = 0.9  # minimum probability for accepting a detected language
_MIN_WORDS = 3  # minimum number of words for detecting a question's language
_NO_LANGUAGE = "zxx"  # py3langid's code for "no language"
_WORD = re.compile(r"[^\W\d_]+")
# Scripts that only one language uses. Each entry contains the language's code, the script's characters, and their minimum
# share of all letters. Japanese also uses Han characters, but never without Kana.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]"), 0.05),
    ("ko", re.compile("[\uac00-\ud7af]"), 0.5),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"), 0.5),
    ("th", re.compile("[\u0e00-\u0e7f]"), 0.5),
    ("el", re.compile("[\u0370-\u03ff]"), 0.5),
)


def language_of(text: str) -> str:
    """Returns a document's language as an ISO 639-1 code; empty if unknown.

    Example:
        >>> language_of("The ferry was laid up in 2020 after a fire in the engine room, and the crew was sent home.")
        'en'
    """
    if len(text) > 3 * _PART:
        middle = (len(text) - _PART) // 2
        text = " ".join((text[:_PART], text[middle : middle + _PART], text[-_PART:]))
    words = _WORD.findall(text.lower())
    letters = sum(map(len, words))
    if (code := _by_script(text, letters)) or letters < _MIN_LETTERS:
        return code
    if sum(word in STOP_WORDS and len(word) > 1 for word in words) >= _ENGLISH_SHARE * len(words):
        return ENGLISH
    return _identified(text)


def language_of_question(question: str, common: Container[str]) -> str:
    """Returns a question's language as an ISO 639-1 code; empty if it is English or unknown.

    Args:
        question: The question as asked.
        common: The most common English stems. If they include most of the question's stems, py3langid is not loaded.

    Example:
        >>> language_of_question("What did India raise?", ()), language_of_question("印度提出了什么？", ())
        ('', 'zh')
    """
    words = _WORD.findall(question.lower())
    if code := _by_script(question, sum(map(len, words))):
        return code
    if len(words) < _MIN_WORDS or any(word in STOP_WORDS for word in words):
        return ""
    stems = terms(question)
    if 2 * sum(stem in common for stem in stems) > len(stems):
        return ""
    code = _identified(question)
    return "" if code == ENGLISH else code


def language_notice(question: str, documents: Sequence[str], supported: frozenset[str], common: Container[str]) -> str:
    """Returns a notice if the embedder does not support the language of the question or of at least half the passages.

    Otherwise, returns "".

    Args:
        question: The question as asked.
        documents: For each passage found, the language of its document; "" if unknown.
        supported: The languages that the embedder supports.
        common: The most common English stems.
    """
    foreign = Counter(code for code in documents if code and code not in supported)
    of_question = language_of_question(question, common)
    are_passages_foreign = 2 * foreign.total() >= len(documents) > 0
    is_question_foreign = bool(of_question) and of_question not in supported
    if not are_passages_foreign and not is_question_foreign:
        return ""
    code = foreign.most_common(1)[0][0] if are_passages_foreign else of_question
    is_same = are_passages_foreign and is_question_foreign and code == of_question
    what = (
        "The question and the passages found are"
        if is_same
        else "The passages found are"
        if are_passages_foreign
        else "The question is"
    )
    return _UNSUPPORTED.format(what=what, language=language_name(code))


def language_name(code: str) -> str:
    """Returns a language's English name, or its code if the name is unknown.

    Example:
        >>> language_name("de"), language_name("q?")
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
    return str(code) if probability >= _MIN_PROBABILITY and code != _NO_LANGUAGE else ""


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # importing it takes 0.5 s and 90 MB of memory

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
