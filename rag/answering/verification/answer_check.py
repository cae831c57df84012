"""Checks a model's answer against its passages: turns markers into citations, and flags unsupported claims and quotations.

The text of each citation is copied from the document as it is now. Claims are checked with rules (see `claims`), and
quotations are compared with the documents (see `quotes`). No model is used.
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

# Models write markers in many forms: [1], [1, 3], [2-4], [^1], [passage 2], 【1†source】.
_NUMBER_LIST = r"\d{1,3}(?:\s*(?:[,;]|[-–]|and|&)\s*(?:(?:passages?|sources?)\s+)?\d{1,3})*+"
MARKER = re.compile(
    rf"\[\^?(?:(?:passages?|sources?)\s+)?(?P<list>{_NUMBER_LIST})\]|【(?P<odd>{_NUMBER_LIST})(?:[†:][^】\n]{{0,40}}+)?】",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)|(\d+)")
_MIN_CLAIM_WORDS = 3  # content words; a sentence with fewer ("Yes.") needs no source
_MIN_COMPARED_WORDS = 2  # a claim with fewer words ("Yes, 11 hours.") is too short to compare by words
_COMPLETE = 0.9  # a claim needs no better source if the cited one contains at least this share of its words
_SAME_SENTENCE = 0.8  # a sentence that contains at least this share of a claim's words counts as saying the same thing
_MUCH_CLOSER = 0.25  # another passage is a better source if its share of the claim's words is at least this much larger
_TOO_LITTLE = "little of this is in the source"
_OWN_SHARE = 0.15  # if a claim cites several sources, each must contribute at least this share of its words
_MIN_QUOTATION_WORDS = 3  # fewer words in quotation marks are treated as a term and compared without regard to case
_END_OF_TEXT = 1 << 60
_DOCUMENTS_SILENT = re.compile(
    r"\b(?:passages?|documents?|sources?|articles?|texts?|files?|excerpts?)\b.{0,60}?\b(?:not|n[’']t|no|nothing|neither|silent)\b",
    re.IGNORECASE,
)

ReadText = Callable[[int, int, int], str]


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """A checked answer. Its markers show citation numbers; a marker that refers to no usable passage becomes "[?]"."""

    text: str
    citations: tuple[Citation, ...]
    flags: tuple[Flag, ...]


def check_answer(answer: str, passages: Sequence[Hit], read_text: ReadText, question: str) -> CheckedAnswer:
    """Resolves the markers in an answer, and checks its claims and quotations.

    Args:
        answer: The model's reply, with its markers.
        passages: The passages in the prompt; the marker [1] refers to the first.
        read_text: Function that takes (document id, start, end) and returns that part of the document's current text.
        question: The question, from which the answer may quote words.
    """
    return _AnswerCheck(passages, read_text, question).run(answer)


def marker_numbers(marker: re.Match[str]) -> list[int]:
    """Returns the passage numbers in a marker.

    Example:
        >>> marker_numbers(MARKER.search("so [1, 3-5]"))
        [1, 3, 4, 5]
    """
    numbers: list[int] = []
    for first, last, single in _RANGE.findall(marker["list"] or marker["odd"]):
        numbers += [int(single)] if single else range(int(first), min(int(last), int(first) + 99) + 1)
    return list(dict.fromkeys(numbers))


@dataclass(slots=True)
class _Claim:
    """A sentence in the answer, with its markers."""

    text: str  # without markers
    start: int  # offset in the checked text
    end: int
    numbers: list[int]  # passage numbers in its markers
    support: dict[int, claims.Support] = field(default_factory=dict)  # by passage number: how well it supports the claim


class _AnswerCheck:
    def __init__(self, passages: Sequence[Hit], read_text: ReadText, question: str) -> None:
        self._passages = passages
        self._read_text = read_text
        self._question = question
        self._citations: list[Citation] = []
        self._flags: list[Flag] = []

    def run(self, answer: str) -> CheckedAnswer:
        output, read_to = "", 0  # the text with renumbered markers; the number of code points processed so far
        for start, end in claim_spans(answer):
            sentence = answer[start:end]
            markers = _markers(sentence)
            numbers = list(dict.fromkeys(n for marker in markers for n in marker_numbers(marker)))
            text = _strip(sentence, markers).strip()
            support = {n: found for n in numbers if (found := self._support(text, n)) is not None}
            order = {n: len(self._citations) + i for i, n in enumerate(support, start=1)}
            output += answer[read_to:start]
            claim_start = len(output)
            output += _renumbered(sentence, markers, order)
            read_to = end
            self._check_claim(_Claim(text, claim_start, len(output), numbers, support), order, output)
        return CheckedAnswer(output + answer[read_to:], tuple(self._citations), tuple(self._flags))

    def _support(self, claim_text: str, n: int) -> claims.Support | None:
        """Returns how well passage n supports a claim; None if there is no such passage or its document has changed."""
        if not 1 <= n <= len(self._passages):
            return None
        hit = self._passages[n - 1]
        offset = max(0, hit.start - claims.CONTEXT_CHARACTERS)
        context = self._read_text(hit.document_id, offset, hit.end + claims.CONTEXT_CHARACTERS)
        start, end = hit.start - offset, hit.end - offset
        if context[start:end] != hit.text:
            return None
        return claims.support(claim_text, context, start, end, f"{hit.title} {hit.heading} {hit.author} {hit.date}")

    def _check_claim(self, claim: _Claim, order: Mapping[int, int], output: str) -> None:
        """Adds the claim's flags and citations. `order` maps passage numbers to citation numbers."""
        for n in claim.numbers:
            if n not in claim.support:
                self._flag(f"[{n}]", "unknown marker", claim, "there is no such passage")
        if not claim.support and _needs_source(claim.text):
            self._flag(claim.text, "uncited", claim)
        quoted = self._check_quotations(claim, output)
        weak = self._weak_passages(claim, quoted_in=set(quoted))
        for n, support in claim.support.items():
            hit = self._passages[n - 1]
            offset = max(0, hit.start - claims.CONTEXT_CHARACTERS)
            start, end = offset + support.start, offset + support.end
            verdict: Verdict = "weak" if n in weak else "supported"
            if n in quoted:
                first, last, verdict = quoted[n]
                if not start <= first <= last <= end:
                    start, end = _quoted_sentences(hit, first, last)
            quote = self._read_text(hit.document_id, start, end)
            claimed = (claim.start, claim.end)
            self._citations.append(cite(hit, (start, end), quote, n=order[n], verdict=verdict, claim=claimed))
        for note, numbers in _passages_by_note(weak).items():
            markers = "".join(f"[{order[n]}]" for n in numbers)
            self._flag(claim.text, "weak", claim, f"{markers} {note}" if len(claim.support) > 1 else note)

    def _weak_passages(self, claim: _Claim, quoted_in: set[int]) -> dict[int, str]:
        """Returns a note on each cited passage that does not support the claim, keyed by passage number.

        If a claim cites several passages, each needs to support only part of it.
        """
        support = claim.support
        if not support:
            return {}
        first = next(iter(support.values()))
        mismatches = [note for note in first.mismatches if all(note in s.mismatches for s in support.values())]
        if mismatches:
            return dict.fromkeys(support, "; ".join(mismatches))
        if len(first.claim_terms) < _MIN_COMPARED_WORDS:
            return {}
        together = frozenset().union(*(s.found_terms for s in support.values()))
        too_little = len(together) < claims.MIN_SHARE * len(first.claim_terms)
        weak = {}
        for n, s in support.items():
            if n in quoted_in:
                continue
            others = frozenset().union(*(other.found_terms for m, other in support.items() if m != n))
            adds = len(support) > 1 and len(s.found_terms - others) >= _OWN_SHARE * len(s.claim_terms)
            if s.objection:
                weak[n] = s.objection
            elif s.share >= _COMPLETE:
                continue
            elif better := self._better_source(claim, s):
                weak[n] = f"this is in {better}, not in the cited passage"
            elif too_little or (s.share < claims.MIN_SHARE and not adds):
                weak[n] = _TOO_LITTLE
        return weak

    def _better_source(self, claim: _Claim, cited: claims.Support) -> str:
        """Returns the title of an uncited passage with a sentence much closer to the claim than any in the cited one.

        If there is no such passage, returns "".
        """
        for n, hit in enumerate(self._passages, start=1):
            if n not in claim.support:
                share = claims.best_sentence_share(cited.claim_terms, hit.text)
                if share >= _SAME_SENTENCE and share >= cited.sentence_share + _MUCH_CLOSER:
                    return f"“{hit.title}”" if hit.title else "another passage"
        return ""

    def _check_quotations(self, claim: _Claim, output: str) -> dict[int, tuple[int, int, Verdict]]:
        """Looks up each quotation in a claim in the documents that the claim cites, and flags those that are not found.

        Returns:
            A dictionary from passage number to the quotation's (start, end, verdict). It has an entry for each cited
            passage whose document contains one of the quotations.
        """
        found: dict[int, tuple[int, int, Verdict]] = {}
        for start, end in quotes.quotations(output[claim.start : claim.end]):
            quotation = output[claim.start + start : claim.start + end]
            places = {n: place for n in claim.support if (place := self._find(quotation, self._passages[n - 1]))}
            for n, place in places.items():
                if n not in found or found[n][2] == "exact":
                    found[n] = place
            if places or self._is_term_or_title(quotation):
                continue
            elsewhere = any(self._find(quotation, hit) for hit in self._passages)
            if elsewhere and not claim.support:
                continue  # the claim is already flagged as uncited
            verdict: Verdict = "misattributed" if elsewhere else "not found"
            self._flags.append(Flag(quotation, verdict, claim.start + start, claim.start + end))
        return found

    def _is_term_or_title(self, quotation: str) -> bool:
        """Returns whether words in quotation marks are a term or a title rather than a quotation."""
        titles = [title for hit in self._passages for title in (hit.title, hit.heading, hit.source)]
        texts = [hit.text for hit in self._passages] if len(quotation.split()) < _MIN_QUOTATION_WORDS else []
        folded = quotation.casefold()
        return any(quotes.find_quotation(folded, text.casefold()) for text in [self._question, *titles, *texts])

    def _find(self, quotation: str, hit: Hit) -> tuple[int, int, Verdict] | None:
        """Finds a quotation in a passage or, if it is not there, in the rest of the passage's document.

        Returns:
            (start, end, verdict), with offsets in the document; None if the document does not contain the quotation.
        """
        found = quotes.find_quotation(quotation, hit.text)
        if found:
            return hit.start + found[0], hit.start + found[1], found[2]
        return quotes.find_quotation(quotation, self._read_text(hit.document_id, 0, _END_OF_TEXT))

    def _flag(self, said: str, verdict: Verdict, claim: _Claim, note: str = "") -> None:
        self._flags.append(Flag(said, verdict, claim.start, claim.end, note))


def _quoted_sentences(hit: Hit, start: int, end: int) -> tuple[int, int]:
    """Returns the span of the sentences in a passage that contain a quotation.

    If the quotation is outside the passage, returns the span of the quotation itself.
    """
    if not hit.start <= start <= end <= hit.end:
        return start, end
    spans = [(a, b) for a, b in sentences(hit.text) if hit.start + a < end and start < hit.start + b]
    return (hit.start + spans[0][0], hit.start + spans[-1][1]) if spans else (start, end)


def claim_spans(text: str) -> list[tuple[int, int]]:
    """Returns the spans of an answer's sentences, each including the markers that follow its full stop."""
    quoted = quotes.quotations(text)
    spans: list[tuple[int, int]] = []
    for start, end in sentences(text):
        before = bisect_left(quoted, (start, 0)) - 1
        if spans and before >= 0 and start <= quoted[before][1]:  # a quotation may contain several sentences
            spans[-1] = (spans[-1][0], end)
            continue
        if spans and not MARKER.sub("", text[start:end]).strip(" .,;"):
            spans[-1] = (spans[-1][0], end)
            continue
        # "… so. [1] Next …": markers at the beginning of a sentence belong to the previous sentence.
        leading = _LEADING_MARKERS.match(text, start, end)
        if spans and leading:
            spans[-1] = (spans[-1][0], start + len(leading.group().rstrip()))
            start += len(leading.group())
        if start < end:
            spans.append((start, end))
    return spans


_LEADING_MARKERS = re.compile(rf"(?:(?:{re.sub(r'[?]P<[a-z]+>', '?:', MARKER.pattern)})\s*)+", re.IGNORECASE)


def without_markers(text: str) -> str:
    """Returns part of an answer with its markers removed.

    Example:
        >>> without_markers("It takes 11 hours [1]. [2]")
        'It takes 11 hours.'
    """
    return _strip(text, _markers(text)).strip()


def _markers(sentence: str) -> list[re.Match[str]]:
    """Lists the markers in a sentence, except any inside quotation marks, which are part of the quotation."""
    quoted = quotes.quotations(sentence)
    return [m for m in MARKER.finditer(sentence) if not any(a <= m.start() < b for a, b in quoted)]


def _strip(sentence: str, markers: Sequence[re.Match[str]]) -> str:
    """Removes markers from a sentence, along with the spaces before them."""
    return _replace_spans(sentence, [(len(sentence[: m.start()].rstrip()), m.end(), "") for m in markers])


def _renumbered(sentence: str, markers: Sequence[re.Match[str]], order: Mapping[int, int]) -> str:
    """Replaces the passage numbers in a sentence's markers with citation numbers.

    For example, "[1, 3]" becomes "[1][2]" if passage 3 is the second citation.
    """
    return _replace_spans(
        sentence, [(m.start(), m.end(), "".join(f"[{order.get(n, '?')}]" for n in marker_numbers(m))) for m in markers]
    )


def _replace_spans(text: str, replacements: Sequence[tuple[int, int, str]]) -> str:
    output, copied_to = "", 0
    for start, end, new in replacements:
        output += text[copied_to:start] + new
        copied_to = end
    return output + text[copied_to:]


def _needs_source(claim: str) -> bool:
    """Returns whether a sentence needs a source: headings, questions and remarks about the documents do not."""
    return len(terms(claim)) >= _MIN_CLAIM_WORDS and not claim.endswith((":", "?")) and not _DOCUMENTS_SILENT.search(claim)


def _passages_by_note(weak: Mapping[int, str]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for n, note in weak.items():
        numbers.setdefault(note, []).append(n)
    return numbers


__all__ = ["MARKER", "CheckedAnswer", "check_answer", "claim_spans", "marker_numbers", "without_markers"]
