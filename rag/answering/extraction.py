"""Answers by quoting: chooses the few sentences that carry the answer, and says how well they do.

Two linear models, fitted on one part of SQuAD 2.0, NQ and ClapNQ and measured on the other
(`benchmarks/fit_extraction.py`; figures in benchmarks/README.md). No model is asked, nothing is rephrased, and whatever
embedder or none found the passages, sentences are read by the one that is shipped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.ports import TokenEmbedder
from rag.records import Hit
from rag.retrieval.search import Retrieval
from rag.text.sentences import sentences
from rag.text.terms import located_terms, terms

if TYPE_CHECKING:
    from rag.answering.late_interaction import Alignment

_PASSAGES = 5  # hits whose sentences are considered; a sixth had the answer in 1.3 % of the fitting questions
_LOOKED_AT = 10  # sentences read token by token, of some 25; 12 answer no better, 8 worse (benchmarks/README.md)
_GATHERING_MARGIN = 3.0  # log-odds below the best from which a sentence is no part of what is gathered
_ENOUGH = 0.7  # sentences are taken until the answer is among them with this probability

# Log-odds of one sentence against another that it holds the answer.
_SENTENCE = {"matched": 6.55, "least_matched": 3.6, "words": 1.5, "words_before": 0.85, "passage": 7.7, "kind": 2.08}
# Log-odds that the documents answer the question at all, read off its best sentence. Fitted on whole sets, on passages that
# the question is asked of, and on libraries of four paragraphs of one article, where everything is about the same thing.
_EVIDENCE = {"matched": 8.7, "matched_near": 0.99, "told_near": 3.69, "kind": 0.69, "names_missing": -1.37}
_EVIDENCE_BASE = -8.71
_MOST_TITLE = 240  # code points of a title or headings that are read with each sentence
_HEADING = re.compile(r"#{1,6} ")


@dataclass(frozen=True, slots=True)
class ChosenSentence:
    """A sentence of the answer: exact characters [start, end) of the hit's document."""

    hit: Hit
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """What extraction found: sentences in reading order, how well they answer, in [0, 1], and from how many hits."""

    chosen: tuple[ChosenSentence, ...]
    evidence: float
    read: int


@dataclass(frozen=True, slots=True)
class _Sentence:
    hit: Hit
    start: int  # in the hit's text
    end: int
    features: Mapping[str, float]
    score: float
    number: int | None  # among those read token by token; None if it was not read

    @property
    def quote(self) -> str:
        return self.hit.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class _Read:
    """The sentences of some hits, best first, and the question held against those that were read token by token."""

    sentences: Sequence[_Sentence]
    alignment: Alignment


def extract(question: str, found: Retrieval, embedder: TokenEmbedder, most: int, *, gathers: bool = False) -> Extraction:
    """Chooses at most `most` sentences of the best hits.

    Args:
        question: As it was searched for.
        found: Its hits, however they were found.
        embedder: Reads question and sentences.
        most: Sentences.
        gathers: Many places may hold a part of the answer: all hits are considered, and more is taken from them.
    """
    hits = found.hits if gathers else found.hits[:_PASSAGES]
    read = _read(question, found.idf, hits, embedder, None if gathers else _LOOKED_AT)
    if read is None:
        return Extraction((), 0.0, len(hits))
    scored = read.sentences
    taken: list[_Sentence] = []
    for sentence in scored[: _gathered(scored) if gathers else _enough(scored)]:
        if len(taken) >= most:
            break
        # What a sentence leans on ("The issue was raised…") is said first, or it says nothing.
        before = _leans_on(sentence, scored)
        for wanted in (before, sentence) if before is not None and len(taken) + 1 < most else (sentence,):
            if all(wanted.quote != other.quote for other in taken):
                taken.append(wanted)
    # Documents in the order of their best sentence, sentences as they stand in each.
    first = {id_: i for i, id_ in reversed(list(enumerate(s.hit.document_id for s in taken)))}
    taken.sort(key=lambda s: (first[s.hit.document_id], s.hit.start + s.start))
    chosen = tuple(ChosenSentence(s.hit, s.hit.start + s.start, s.hit.start + s.end, s.quote) for s in taken)
    return Extraction(chosen, _evidence(question, read), len(hits))


def _enough(scored: Sequence[_Sentence]) -> int:
    """How many of the best sentences hold the answer with the probability that is wanted, if any sentence does."""
    odds = [math.exp(sentence.score - scored[0].score) for sentence in scored]
    wanted = _ENOUGH * sum(odds)
    reached = 0.0
    for n, one in enumerate(odds, start=1):
        reached += one
        if reached >= wanted:
            return n
    return len(odds)


def _gathered(scored: Sequence[_Sentence]) -> int:
    return sum(sentence.score >= scored[0].score - _GATHERING_MARGIN for sentence in scored)


_LEANING = re.compile(
    r"[\"'“‘(]*(?:(?:It|They|He|She|This|These|Those|That|Such)\b(?! (?:is|was) (?:said|thought|believed))"
    r"|The (?:issue|matter|move|decision|deal|agreement|proposal|measure|change|problem|incident|announcement|rule|ban"
    r"|latter|former|same|topic|question)s?\b)"
)


def _leans_on(sentence: _Sentence, scored: Sequence[_Sentence]) -> _Sentence | None:
    """The sentence before, in the same passage, where this one opens by pointing back to it."""
    if not _LEANING.match(sentence.quote):
        return None
    earlier = [s for s in scored if s.hit is sentence.hit and s.end <= sentence.start]
    return max(earlier, key=lambda s: s.end, default=None)


def _read(
    question: str, idf: Mapping[str, float], hits: Sequence[Hit], embedder: TokenEmbedder, most: int | None
) -> _Read | None:
    """Scores every sentence of some hits; the `most` likeliest, or all, are read token by token. None: there is none."""
    from rag.answering.late_interaction import Alignment

    places = [
        (hit, start, end) for hit in hits for start, end in sentences(hit.text) if _says_something(hit.text[start:end])
    ]
    # A heading names what is said below it; its words count there, and alone it answers nothing.
    places = [place for place in places if not _is_heading(*place)] or places
    if not places:
        return None
    features = list(_plain_features(question, idf, places))
    # Reading them all takes most of an answer's time, and what has neither words nor passage is not chosen anyhow.
    likely = sorted(range(len(places)), key=lambda i: -_weighed(_SENTENCE, features[i]))[:most]
    titled = [_under_its_titles(*places[i]) for i in likely]
    alignment = Alignment(question, titled, idf, embedder)
    numbers = {i: number for number, i in enumerate(likely)}
    for i, number in numbers.items():
        features[i] |= {"matched": alignment.matched([number]), "least_matched": alignment.least_matched([number])}
    scored = [
        _Sentence(hit, start, end, of_it, _weighed(_SENTENCE, of_it), numbers.get(i))
        for i, ((hit, start, end), of_it) in enumerate(zip(places, features, strict=True))
    ]
    return _Read(sorted(scored, key=lambda s: -s.score), alignment)


def _under_its_titles(hit: Hit, start: int, end: int) -> str:
    """A sentence with what it stands under: what that names, the sentence need not."""
    above = (hit.title[:_MOST_TITLE], hit.heading[-_MOST_TITLE:])
    return "\n".join(part for part in (*above, hit.text[start:end]) if part)


def _plain_features(
    question: str, idf: Mapping[str, float], places: Sequence[tuple[Hit, int, int]]
) -> Iterator[dict[str, float]]:
    """What can be said of each sentence without a model; places of the best hit first."""
    kind, best_score = expected_type(question), places[0][0].score
    asked = set(idf)
    before: tuple[int, set[str]] = (-1, set())  # start of the hit, and words, of the sentence before
    for hit, start, end in places:
        sentence = hit.text[start:end]
        words = set(terms(sentence))
        titled_words = words | set(terms(f"{hit.title} {hit.heading}"))
        near = before[1] if before[0] == hit.start else set()
        yield {
            "matched": 0.0,
            "least_matched": 0.0,
            "words": _share(asked & words, idf),
            "words_before": _share(asked & (titled_words | near), idf),
            "passage": hit.score - best_score,
            "kind": _has_kind(kind, sentence, asked),
        }
        before = (hit.start, words)


def _is_heading(hit: Hit, start: int, end: int) -> bool:
    found = _HEADING.match(hit.text, start, end)
    return found is not None and hit.text[found.end() : end].strip() in hit.heading


def _evidence(question: str, read: _Read) -> float:
    return 1 / (1 + math.exp(-_EVIDENCE_BASE - _weighed(_EVIDENCE, _evidence_features(question, read))))


def _evidence_features(question: str, read: _Read) -> Mapping[str, float]:
    """What is known of the best sentence, and of those of its passage that were read, taken together."""
    best = read.sentences[0]
    near = [s.number for s in read.sentences if s.hit is best.hit and s.number is not None]
    names = names_asked(question)
    there = set(terms(f"{best.hit.title} {best.hit.heading} {best.hit.text}"))
    return {
        **best.features,
        "matched_near": read.alignment.matched(near) if near else 0.0,
        "told_near": read.alignment.told(near) if near else 0.0,
        "names_missing": len(names - there) / len(names) if names else 0.0,
    }


def _weighed(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    return sum(weight * features[name] for name, weight in weights.items())


def _share(words: set[str], idf: Mapping[str, float]) -> float:
    total = sum(idf.values())
    return sum(idf[word] for word in words) / total if total else 0.0


def _says_something(sentence: str) -> bool:
    return sum(map(str.isalnum, sentence)) >= 2


def names_asked(question: str) -> set[str]:
    """The words of a question that name something: capitalised past its beginning, or with a digit.

    Example:
        >>> sorted(names_asked("When did Vikram Misri visit in 2020?"))
        ['2020', 'misri', 'vikram']
    """
    located = list(located_terms(question))
    return {term for start, term in located if question[start].isdigit() or (start > 0 and question[start].isupper())}


_PLACES = "city|country|state|place|river|continent|region|county|town|island|district|province"
_TIMES = "year|date|day|month|century|decade|time"
_KINDS = (
    ("when", re.compile(rf"\bwhen\b|\b(what|which) ({_TIMES})\b|\bhow long ago\b", re.IGNORECASE)),
    ("number", re.compile(
        r"\bhow (many|much|long|old|far|tall|high|large|big|often|fast|deep|wide|heavy)\b"
        r"|\bwhat (percent|percentage|number|amount|age|population|fraction|portion|price|share)\b", re.IGNORECASE)),
    ("name", re.compile(rf"\b(who|whom|whose|where)\b|\b(what|which) ({_PLACES}|person|actor|president|king|queen)\b",
                        re.IGNORECASE)),
    ("reason", re.compile(r"\bwhy\b", re.IGNORECASE)),
)  # fmt: skip
_DATE = re.compile(
    r"\b(1\d{3}|20\d\d)\b|\b(January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|century|decade)\b"
)
_NUMBER = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion|half"
    r"|percent|twice)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(because|due to|since|so that|in order to|result|caused?|led to|reason|therefore)\b", re.IGNORECASE
)


def expected_type(question: str) -> str:
    """What kind of answer a question wants: "when", "number", "name", "reason", or "" when it does not say."""
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "")


def _has_kind(kind: str, sentence: str, asked: set[str]) -> float:
    """Whether a sentence holds something of that kind, in [0, 1]; half where any sentence may."""
    if kind == "when":
        return 1.0 if _DATE.search(sentence) else 0.3 if any(map(str.isdigit, sentence)) else 0.0
    if kind == "number":
        return float(bool(_NUMBER.search(sentence)))
    if kind == "reason":
        return float(bool(_REASON.search(sentence)))
    if kind == "name":
        return float(any(sentence[at].isupper() and at > 0 and term not in asked for at, term in located_terms(sentence)))
    return 0.5
