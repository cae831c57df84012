"""Answers by quoting: chooses the few sentences that carry the answer, and says how well they do.

Two linear models over the same features, fitted on one half of the questions of SQuAD 2.0, NQ and ClapNQ and measured on
the other (`benchmarks/fit_extraction.py`; figures in benchmarks/README.md). No model is asked, nothing is rephrased.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.ports import Embedder
from rag.records import Hit
from rag.search import Retrieval
from rag.sentences import sentences
from rag.terms import located_terms, terms

_PASSAGES = 5  # hits whose sentences are considered; a sixth had the answer in 1.3 % of the fitting questions
_LOOKED_AT = 12  # sentences embedded, of some 25
_GATHERING_MARGIN = 3.0
_MARGIN = 1.4  # a further sentence is taken if it scores at most this much (log-odds) below the best

# Log-odds that a sentence holds the answer.
_SENTENCE = {"likeness": 4.69, "words": 2.12, "words_titled": 0.29, "words_before": 0.5, "passage": 15.38, "kind": 1.15,
             "passage_likeness": -4.3}  # fmt: skip
# Log-odds that the documents answer the question at all, read off its best sentence. Fitted on whole sets and on libraries
# of four paragraphs of one article, where likeness alone says little: everything there is about the same thing.
_EVIDENCE = {"likeness": 5.28, "words_titled": 4.62, "unseen": -0.24, "kind": 0.86, "passage_likeness": 3.02,
             "names_missing": -1.34}  # fmt: skip
_EVIDENCE_BASE = -6.93
# The same where there are no vectors, fitted on what is found by words alone.
_EVIDENCE_BY_WORDS = {"words": 0.42, "words_titled": 6.66, "unseen": -1.03, "kind": 0.7, "names_missing": -1.37}
_EVIDENCE_BY_WORDS_BASE = -3.73
_HEADING = re.compile(r"#{1,6} ")
_NOBODY_HAS = 0.999  # rarity of a word that no passage has, but for rounding


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sentence of the answer: exact characters [start, end) of the hit's document."""

    hit: Hit
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Extract:
    """What extraction found: sentences in reading order, how well they answer, in [0, 1], and from how many hits."""

    chosen: tuple[Chosen, ...]
    evidence: float
    read: int


@dataclass(frozen=True, slots=True)
class _Sentence:
    hit: Hit
    start: int  # in the hit's text
    end: int
    features: Mapping[str, float]
    score: float

    @property
    def quote(self) -> str:
        return self.hit.text[self.start : self.end]


def extract(question: str, found: Retrieval, embedder: Embedder, most: int, *, gathers: bool = False) -> Extract:
    """Chooses at most `most` sentences of the best hits.

    Args:
        question: As it was searched for.
        found: Its hits; without a vector only words are compared.
        embedder: The one that made the question's vector.
        most: Sentences.
        gathers: Many places may hold a part of the answer: all hits are considered, and more is taken from them.
    """
    hits = found.hits if gathers else found.hits[:_PASSAGES]
    margin = _GATHERING_MARGIN if gathers else _MARGIN
    scored = _scored(question, found, hits, embedder, None if gathers else _LOOKED_AT)
    if not scored:
        return Extract((), 0.0, len(hits))
    best = max(scored, key=lambda s: s.score)
    taken: list[_Sentence] = []
    for sentence in sorted(scored, key=lambda s: -s.score):
        if len(taken) >= most or sentence.score < best.score - margin:
            break
        # What a sentence leans on ("The issue was raised…") is said first, or it says nothing.
        before = _leans_on(sentence, scored)
        for wanted in (before, sentence) if before is not None and len(taken) + 1 < most else (sentence,):
            if all(wanted.quote != other.quote for other in taken):
                taken.append(wanted)
    # Documents in the order of their best sentence, sentences as they stand in each.
    first = {id_: i for i, id_ in reversed(list(enumerate(s.hit.document_id for s in taken)))}
    taken.sort(key=lambda s: (first[s.hit.document_id], s.hit.start + s.start))
    chosen = tuple(Chosen(s.hit, s.hit.start + s.start, s.hit.start + s.end, s.quote) for s in taken)
    return Extract(chosen, _evidence(question, found, best), len(hits))


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


def _scored(
    question: str, found: Retrieval, hits: Sequence[Hit], embedder: Embedder, looked_at: int | None
) -> list[_Sentence]:
    """Every sentence of some hits, scored; `looked_at` are embedded at most, the likeliest; None: all are."""
    places = [
        (hit, start, end) for hit in hits for start, end in sentences(hit.text) if _says_something(hit.text[start:end])
    ]
    # A heading names what is said below it; its words count there, and alone it answers nothing.
    places = [place for place in places if not _is_heading(*place)] or places
    if not places:
        return []
    kind = answer_kind(question)
    asked = set(found.rarities)
    features: list[dict[str, float]] = []
    before: tuple[int, set[str]] = (-1, set())  # start of the hit, and words, of the sentence before
    for hit, start, end in places:
        sentence = hit.text[start:end]
        words = set(terms(sentence))
        titled_words = words | set(terms(f"{hit.title} {hit.heading}"))
        near = before[1] if before[0] == hit.start else set()
        features.append({
            "likeness": 0.0,
            "words": _share(asked & words, found.rarities),
            "words_titled": _share(asked & titled_words, found.rarities),
            "words_before": _share(asked & (titled_words | near), found.rarities),
            "passage": hit.score - hits[0].score,
            "kind": _has_kind(kind, sentence, asked),
            "passage_likeness": hit.ranks.dense or 0.0,
        })  # fmt: skip
        before = (hit.start, words)
    if found.vector is not None:
        # Reading them all takes most of an answer's time, and what has neither words nor passage is not chosen anyhow.
        likely = sorted(range(len(places)), key=lambda i: -_weighed(_SENTENCE, features[i]))[:looked_at]
        titled = [f"{hit.title}\n{hit.text[start:end]}" for hit, start, end in (places[i] for i in likely)]
        for i, like in zip(likely, (embedder.embed(titled) @ found.vector).tolist(), strict=True):
            features[i]["likeness"] = like
    return [
        _Sentence(hit, start, end, of_it, _weighed(_SENTENCE, of_it))
        for (hit, start, end), of_it in zip(places, features, strict=True)
    ]


def _is_heading(hit: Hit, start: int, end: int) -> bool:
    found = _HEADING.match(hit.text, start, end)
    return found is not None and hit.text[found.end() : end].strip() in hit.heading


def _evidence(question: str, found: Retrieval, best: _Sentence) -> float:
    weights, base = (_EVIDENCE_BY_WORDS, _EVIDENCE_BY_WORDS_BASE) if found.vector is None else (_EVIDENCE, _EVIDENCE_BASE)
    return 1 / (1 + math.exp(-base - _weighed(weights, _evidence_features(question, found, best))))


def _evidence_features(question: str, found: Retrieval, best: _Sentence) -> Mapping[str, float]:
    there = set(terms(f"{best.hit.title} {best.hit.heading} {best.hit.text}"))
    names = names_asked(question)
    return {
        **best.features,
        "unseen": _share({w for w, rarity in found.rarities.items() if rarity >= _NOBODY_HAS}, found.rarities),
        "names_missing": len(names - there) / len(names) if names else 0.0,
    }


def _weighed(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    return sum(weight * features[name] for name, weight in weights.items())


def _share(words: set[str], rarities: Mapping[str, float]) -> float:
    total = sum(rarities.values())
    return sum(rarities[word] for word in words) / total if total else 0.0


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


def answer_kind(question: str) -> str:
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
