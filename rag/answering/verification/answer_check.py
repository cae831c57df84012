"""Holds a model's answer against the passages it was shown: markers become citations, and what does not stand is flagged.

A citation is made only of characters that are in the document now. What it says of a claim it says by rules (`claims`), of
a quotation by comparison (`quotes`); no model is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rag.answering.verification import claims
from rag.answering.verification.citations import cite
from rag.records import Citation, Flag, Hit, Verdict
from rag.text import quotes
from rag.text.sentences import sentences
from rag.text.terms import terms

# [1], [1, 3], [2-4], [^1], [passage 2], 【1†source】: what models write where they were asked for [1].
_REFERENCE = r"\d{1,3}(?:\s*(?:[,;]|[-–]|and|&)\s*(?:(?:passages?|sources?)\s+)?\d{1,3})*+"
MARKER = re.compile(
    rf"\[\^?(?:(?:passages?|sources?)\s+)?(?P<list>{_REFERENCE})\]|【(?P<odd>{_REFERENCE})(?:[†:][^】\n]{{0,40}}+)?】",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)|(\d+)")
_CLAIM_WORDS = 3  # a sentence with fewer words that carry meaning claims nothing ("Yes.")
_COMPARABLE = 2  # a claim of fewer words ("Yes, 11 hours.") cannot be compared by words
_WHOLE = 0.9  # share of a claim's words from which a passage is not asked whether another was meant
_SAME = 0.8  # share of a claim's words in one sentence from which it is that sentence
_MUCH_CLOSER = 0.25
_LITTLE = "little of this is in the source"
_OF_ITS_OWN = 0.15  # of a claim's words, what one of several sources must add to them
_QUOTATION_WORDS = 3  # fewer between quotation marks are a term, whose capitals do not matter
_ALL = 1 << 60
_OF_DOCUMENTS = re.compile(
    r"\b(?:passages?|documents?|sources?|articles?|texts?|files?|excerpts?)\b.{0,60}?\b(?:not|n[’']t|no|nothing|neither|silent)\b",
    re.IGNORECASE,
)

Text = Callable[[int, int, int], str]


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer whose markers are numbered by its citations; a marker that leads nowhere is "[?]"."""

    text: str
    citations: tuple[Citation, ...]
    flags: tuple[Flag, ...]


def checked(answer: str, shown: Sequence[Hit], text: Text, question: str) -> Checked:
    """Resolves the markers of an answer, and judges its claims and quotations.

    Args:
        answer: As the model wrote it, markers and all.
        shown: The passages it was shown, marker 1 first.
        text: (document id, start, end) → those characters of a document as it is now.
        question: What was asked; its words may be quoted.
    """
    return _AnswerCheck(shown, text, question).check(answer)


def numbers(marker: re.Match[str]) -> list[int]:
    """The passages that a marker names.

    Example:
        >>> numbers(MARKER.search("so [1, 3-5]"))
        [1, 3, 4, 5]
    """
    named: list[int] = []
    for first, last, single in _RANGE.findall(marker["list"] or marker["odd"]):
        named += [int(single)] if single else range(int(first), min(int(last), int(first) + 99) + 1)
    return list(dict.fromkeys(named))


@dataclass(slots=True)
class _Claim:
    """A sentence of the answer with the markers that belong to it."""

    words: str  # without markers
    start: int  # in the text as it is shown
    end: int
    named: list[int]  # passages
    support: dict[int, claims.Support] = field(default_factory=dict)  # passage → what it says to it


class _AnswerCheck:
    def __init__(self, shown: Sequence[Hit], text: Text, question: str) -> None:
        self._shown = shown
        self._text = text
        self._question = question
        self._citations: list[Citation] = []
        self._flags: list[Flag] = []

    def check(self, answer: str) -> Checked:
        written, at = "", 0  # the text as it will be read; how far the model's text has been read
        for begin, end in claims_of(answer):
            sentence = answer[begin:end]
            markers = _markers(sentence)
            named = list(dict.fromkeys(n for marker in markers for n in numbers(marker)))
            words = _without(sentence, markers).strip()
            support = {n: found for n in named if (found := self._support(words, n)) is not None}
            order = {n: len(self._citations) + i for i, n in enumerate(support, start=1)}
            written += answer[at:begin]
            start = len(written)
            written += _renumbered(sentence, markers, order)
            at = end
            self._judge(_Claim(words, start, len(written), named, support), order, written)
        return Checked(written + answer[at:], tuple(self._citations), tuple(self._flags))

    def _support(self, words: str, n: int) -> claims.Support | None:
        """What passage n says to a claim; None if there is no such passage, or it is not in its document any more."""
        if not 1 <= n <= len(self._shown):
            return None
        hit = self._shown[n - 1]
        begin = max(0, hit.start - claims.AROUND)
        around = self._text(hit.document_id, begin, hit.end + claims.AROUND)
        start, end = hit.start - begin, hit.end - begin
        if around[start:end] != hit.text:
            return None
        return claims.support(words, around, start, end, f"{hit.title} {hit.heading} {hit.author} {hit.date}")

    def _judge(self, claim: _Claim, order: Mapping[int, int], written: str) -> None:
        for n in claim.named:
            if n not in claim.support:
                self._flag(f"[{n}]", "unknown marker", claim, "there is no such passage")
        if not claim.support and _claims_something(claim.words):
            self._flag(claim.words, "uncited", claim)
        found = self._quotations(claim, written)
        weak = self._weak(claim, quoted_in=set(found))
        for n, support in claim.support.items():
            hit = self._shown[n - 1]
            begin = max(0, hit.start - claims.AROUND)
            start, end = begin + support.start, begin + support.end
            verdict: Verdict = "weak" if n in weak else "supported"
            if n in found:
                first, last, verdict = found[n]
                if not start <= first <= last <= end:
                    start, end = self._sentence(hit, first, last)
            quote = self._text(hit.document_id, start, end)
            claimed = (claim.start, claim.end)
            self._citations.append(cite(hit, (start, end), quote, n=order[n], verdict=verdict, claim=claimed))
        for note, numbers_ in _by_note(weak).items():
            markers = "".join(f"[{order[n]}]" for n in numbers_)
            self._flag(claim.words, "weak", claim, f"{markers} {note}" if len(claim.support) > 1 else note)

    def _sentence(self, hit: Hit, first: int, last: int) -> tuple[int, int]:
        """The sentences of a passage that hold a quotation; the quotation alone where it stands elsewhere."""
        if not hit.start <= first <= last <= hit.end:
            return first, last
        held = [(a, b) for a, b in sentences(hit.text) if hit.start + a < last and first < hit.start + b]
        return (hit.start + held[0][0], hit.start + held[-1][1]) if held else (first, last)

    def _weak(self, claim: _Claim, quoted_in: set[int]) -> dict[int, str]:
        """The passages that do not bear out a claim: passage → why not. Several may bear out a part of it each."""
        support = claim.support
        if not support:
            return {}
        first = next(iter(support.values()))
        wrong = [words for words in first.wrong if all(words in s.wrong for s in support.values())]
        together = frozenset().union(*(s.words for s in support.values()))
        if wrong:
            return dict.fromkeys(support, "; ".join(wrong))
        if len(first.told) < _COMPARABLE:
            return {}
        too_little = len(together) < claims.ENOUGH * len(first.told)
        weak = {}
        for n, s in support.items():
            others = frozenset().union(*(other.words for m, other in support.items() if m != n))
            adds = len(support) > 1 and len(s.words - others) >= _OF_ITS_OWN * len(s.told)
            if n in quoted_in:
                continue
            if s.reversed:
                weak[n] = s.reversed
            elif s.share >= _WHOLE:
                continue
            elif meant := self._meant(claim, s):
                weak[n] = f"{meant} says this, not the passage cited"
            elif too_little or (s.share < claims.ENOUGH and not adds):
                weak[n] = _LITTLE
        return weak

    def _meant(self, claim: _Claim, cited: claims.Support) -> str:
        """The passage that says in one sentence what a claim says, where the cited one does not; "" if there is none."""
        for n, hit in enumerate(self._shown, start=1):
            if n not in claim.support:
                close = claims.closeness(cited.told, hit.text)
                if close >= _SAME and close >= cited.closeness + _MUCH_CLOSER:
                    return f"“{hit.title}”" if hit.title else "another passage"
        return ""

    def _quotations(self, claim: _Claim, written: str) -> dict[int, tuple[int, int, Verdict]]:
        """Flags quotations that do not stand; returns where in its document each cited passage's quotation stands."""
        found: dict[int, tuple[int, int, Verdict]] = {}
        cited = [self._shown[n - 1] for n in claim.support]
        for start, end in quotes.quotations(written[claim.start : claim.end]):
            said = written[claim.start + start : claim.start + end]
            places = {n: place for n in claim.support if (place := self._place(said, self._shown[n - 1]))}
            for n, place in places.items():
                if n not in found or found[n][2] == "exact":
                    found[n] = place
            if places or self._is_name(said):
                continue
            elsewhere = any(self._place(said, hit) for hit in self._shown)
            if elsewhere and cited:
                verdict: Verdict = "misattributed"
            elif elsewhere:
                continue  # flagged as uncited already
            else:
                verdict = "not found"
            self._flags.append(Flag(said, verdict, claim.start + start, claim.start + end))
        return found

    def _is_name(self, said: str) -> bool:
        """Whether words between quotation marks are a term or a title rather than a quotation."""
        titles = [title for hit in self._shown for title in (hit.title, hit.heading, hit.source)]
        texts = [hit.text for hit in self._shown] if len(said.split()) < _QUOTATION_WORDS else []
        return any(quotes.find_quotation(said.casefold(), text.casefold()) for text in [self._question, *titles, *texts])

    def _place(self, said: str, hit: Hit) -> tuple[int, int, Verdict] | None:
        """Where a quotation stands in a passage, or else in its document."""
        found = quotes.find_quotation(said, hit.text)
        if found:
            return hit.start + found[0], hit.start + found[1], found[2]
        return quotes.find_quotation(said, self._text(hit.document_id, 0, _ALL))

    def _flag(self, said: str, verdict: Verdict, claim: _Claim, note: str = "") -> None:
        self._flags.append(Flag(said, verdict, claim.start, claim.end, note))


def claims_of(text: str) -> list[tuple[int, int]]:
    """Sentences of an answer, each with the markers that follow its full stop."""
    quoted = quotes.quotations(text)
    found: list[tuple[int, int]] = []
    for start, end in sentences(text):
        before = bisect_left(quoted, (start, 0)) - 1
        if found and before >= 0 and start <= quoted[before][1]:  # a quotation may hold several sentences
            found[-1] = (found[-1][0], end)
            continue
        if found and not MARKER.sub("", text[start:end]).strip(" .,;"):
            found[-1] = (found[-1][0], end)
            continue
        # "… so. [1] Next …": markers that begin a sentence belong to the one before.
        leading = _LEADING.match(text, start, end)
        if found and leading:
            found[-1] = (found[-1][0], start + len(leading.group().rstrip()))
            start += len(leading.group())
        if start < end:
            found.append((start, end))
    return found


_LEADING = re.compile(rf"(?:(?:{re.sub(r'[?]P<[a-z]+>', '?:', MARKER.pattern)})\s*)+", re.IGNORECASE)


def without_markers(text: str) -> str:
    """A part of an answer as it reads without its markers.

    Example:
        >>> without_markers("It takes 11 hours [1]. [2]")
        'It takes 11 hours.'
    """
    return _without(text, _markers(text)).strip()


def _markers(sentence: str) -> list[re.Match[str]]:
    """The markers of a sentence; what stands between quotation marks is quoted, whatever it looks like."""
    quoted = quotes.quotations(sentence)
    return [m for m in MARKER.finditer(sentence) if not any(a <= m.start() < b for a, b in quoted)]


def _without(sentence: str, markers: Sequence[re.Match[str]]) -> str:
    """The sentence without its markers and the spaces before them."""
    return _replaced(sentence, [(len(sentence[: m.start()].rstrip()), m.end(), "") for m in markers])


def _renumbered(sentence: str, markers: Sequence[re.Match[str]], order: Mapping[int, int]) -> str:
    """The sentence with the numbers of its citations: "[1, 3]" → "[1][2]" where passage 3 is the second citation."""
    return _replaced(
        sentence, [(m.start(), m.end(), "".join(f"[{order.get(n, '?')}]" for n in numbers(m))) for m in markers]
    )


def _replaced(text: str, pieces: Sequence[tuple[int, int, str]]) -> str:
    made, at = "", 0
    for start, end, new in pieces:
        made += text[at:start] + new
        at = end
    return made + text[at:]


def _claims_something(words: str) -> bool:
    """Whether a sentence says something of the world that would need a source."""
    return len(terms(words)) >= _CLAIM_WORDS and not words.endswith((":", "?")) and not _OF_DOCUMENTS.search(words)


def _by_note(weak: Mapping[int, str]) -> dict[str, list[int]]:
    notes: dict[str, list[int]] = {}
    for n, note in weak.items():
        notes.setdefault(note, []).append(n)
    return notes


__all__ = ["MARKER", "Checked", "checked", "claims_of", "numbers", "without_markers"]
