"""Extracts an answer: chooses the few sentences that contain it, and estimates how well they answer the question.

Two linear models score sentences and evidence. They were fitted on one part of SQuAD 2.0, NQ and ClapNQ and measured on the
other part (`benchmarks/fit_extraction.py`; results in benchmarks/README.md). No language model is used, and nothing is
rephrased. Sentences are always embedded by the embedder shipped with rag, whichever embedder found the passages.
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
from rag.text.dates import MONTHS, WEEKDAYS
from rag.text.sentences import sentences
from rag.text.terms import located_terms, terms

if TYPE_CHECKING:
    from rag.answering.late_interaction import Alignment

_MAX_HITS = 5  # hits whose sentences are considered; the sixth had the answer to 1.3 % of the questions used for fitting
# Number of sentences, out of about 25, that are compared token by token. Answers are no better with 12, and worse with 8
# (benchmarks/README.md).
_MAX_ALIGNED = 10
_LIST_MARGIN = 3.0  # log-odds; a list leaves out sentences that score lower than the best one by more than this
_COVERAGE = 0.7  # intended probability that the chosen sentences contain the answer

# Weights for the log-odds that one sentence, rather than another, contains the answer.
_SENTENCE = {
    "mean_match": 6.55,
    "min_match": 3.6,
    "word_share": 1.5,
    "context_word_share": 0.85,
    "passage_score": 7.7,
    "answer_type": 2.08,
}
# Weights for the log-odds that the documents answer the question at all, judged by the best sentence. Fitted on three kinds
# of searches: of whole test sets, of only the passages that belong to a question, and of libraries that consist of four
# paragraphs from one article, where all passages are about the same topic.
_EVIDENCE = {
    "mean_match": 8.7,
    "passage_mean_match": 0.99,
    "passage_idf_match": 3.69,
    "answer_type": 0.69,
    "missing_names": -1.37,
}
_EVIDENCE_BASE = -8.71
_MAX_TITLE = 240  # maximum number of code points embedded with each sentence from the title, and as many from the headings
_HEADING = re.compile(r"#{1,6} ")


@dataclass(frozen=True, slots=True)
class ChosenSentence:
    """A sentence chosen for the answer. Its quote consists of the characters [start, end) in the hit's document."""

    hit: Hit
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """The result of an extraction.

    Attributes:
        chosen: The chosen sentences, in reading order.
        evidence: Probability that the documents answer the question, in [0, 1].
        hits_read: Number of hits whose sentences were candidates.
    """

    chosen: tuple[ChosenSentence, ...]
    evidence: float
    hits_read: int


@dataclass(frozen=True, slots=True)
class _Sentence:
    hit: Hit
    start: int  # offset in the hit's text
    end: int
    features: Mapping[str, float]
    score: float
    number: int | None  # the sentence's index in the alignment; None if it was not compared token by token

    @property
    def quote(self) -> str:
        return self.hit.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class _ScoredSentences:
    """The candidate sentences, best first, and the alignment of those that were compared token by token."""

    sentences: Sequence[_Sentence]
    alignment: Alignment


def extract(question: str, found: Retrieval, embedder: TokenEmbedder, limit: int, *, is_list: bool = False) -> Extraction:
    """Chooses at most `limit` sentences from the best hits.

    Args:
        question: The question in the form that was searched for.
        found: The search result.
        embedder: Embeds the tokens in the question and the sentences.
        limit: Maximum number of sentences.
        is_list: Whether the answer is a list. If so, more sentences are chosen, and all hits are considered.
    """
    hits = found.hits if is_list else found.hits[:_MAX_HITS]
    scored = _score_sentences(question, found.idf, hits, embedder, None if is_list else _MAX_ALIGNED)
    if scored is None:
        return Extraction((), 0.0, len(hits))
    best_first = scored.sentences
    chosen: list[_Sentence] = []
    for sentence in best_first[: _count_within_margin(best_first) if is_list else _credible_set_size(best_first)]:
        if len(chosen) >= limit:
            break
        # "The issue was raised…" cannot be understood without the sentence before it.
        antecedent = _antecedent(sentence, best_first)
        for addition in (antecedent, sentence) if antecedent is not None and len(chosen) + 1 < limit else (sentence,):
            if all(addition.quote != other.quote for other in chosen):
                chosen.append(addition)
    # Documents are ordered by their best sentences; within each document, sentences are in reading order.
    document_rank = {id_: i for i, id_ in reversed(list(enumerate(s.hit.document_id for s in chosen)))}
    chosen.sort(key=lambda s: (document_rank[s.hit.document_id], s.hit.start + s.start))
    return Extraction(
        tuple(ChosenSentence(s.hit, s.hit.start + s.start, s.hit.start + s.end, s.quote) for s in chosen),
        _evidence(question, scored),
        len(hits),
    )


def _credible_set_size(best_first: Sequence[_Sentence]) -> int:
    """Returns how many of the best sentences are needed to include the answer with probability `_COVERAGE`.

    Assumes that one of the sentences contains the answer.
    """
    odds = [math.exp(sentence.score - best_first[0].score) for sentence in best_first]
    required = _COVERAGE * sum(odds)
    cumulative = 0.0
    for n, sentence_odds in enumerate(odds, start=1):
        cumulative += sentence_odds
        if cumulative >= required:
            return n
    return len(odds)


def _count_within_margin(best_first: Sequence[_Sentence]) -> int:
    return sum(sentence.score >= best_first[0].score - _LIST_MARGIN for sentence in best_first)


_ANAPHORIC = re.compile(
    r"[\"'“‘(]*(?:(?:It|They|He|She|This|These|Those|That|Such)\b(?! (?:is|was) (?:said|thought|believed))"
    r"|The (?:issue|matter|move|decision|deal|agreement|proposal|measure|change|problem|incident|announcement|rule|ban"
    r"|latter|former|same|topic|question)s?\b)"
)


def _antecedent(sentence: _Sentence, candidates: Sequence[_Sentence]) -> _Sentence | None:
    """Returns the sentence before `sentence` in the same passage, if `sentence` cannot be understood without it.

    This is assumed if `sentence` begins with a reference such as "It" or "The issue". Otherwise, returns None.
    """
    if not _ANAPHORIC.match(sentence.quote):
        return None
    earlier = [s for s in candidates if s.hit is sentence.hit and s.end <= sentence.start]
    return max(earlier, key=lambda s: s.end, default=None)


def _score_sentences(
    question: str, idf: Mapping[str, float], hits: Sequence[Hit], embedder: TokenEmbedder, limit: int | None
) -> _ScoredSentences | None:
    """Scores every sentence in the hits; returns None if they contain no sentences.

    Args:
        question: The question.
        idf: Inverse document frequency (idf) of each stem in the question.
        hits: The hits, best first.
        embedder: Embeds tokens.
        limit: How many of the most likely sentences to compare token by token; None for all.
    """
    from rag.answering.late_interaction import Alignment

    places = [(hit, start, end) for hit in hits for start, end in sentences(hit.text) if _has_content(hit.text[start:end])]
    # A heading provides context for the sentences below it, but does not answer a question on its own.
    places = [place for place in places if not _is_heading(*place)] or places
    if not places:
        return None
    features = list(_word_features(question, idf, places))
    # Comparing tokens takes most of the time, so it is skipped for sentences that share few words with the question or come
    # from low-ranking passages.
    likely = sorted(range(len(places)), key=lambda i: -_weighted_sum(_SENTENCE, features[i]))[:limit]
    alignment = Alignment(question, [_with_titles(*places[i]) for i in likely], idf, embedder)
    numbers = {i: number for number, i in enumerate(likely)}
    for i, number in numbers.items():
        features[i] |= {"mean_match": alignment.mean([number]), "min_match": alignment.minimum([number])}
    scored = [
        _Sentence(hit, start, end, own_features, _weighted_sum(_SENTENCE, own_features), numbers.get(i))
        for i, ((hit, start, end), own_features) in enumerate(zip(places, features, strict=True))
    ]
    return _ScoredSentences(sorted(scored, key=lambda s: -s.score), alignment)


def _with_titles(hit: Hit, start: int, end: int) -> str:
    """Puts the document's title and the headings before a sentence, because the sentence may not repeat their words."""
    above = (hit.title[:_MAX_TITLE], hit.heading[-_MAX_TITLE:])
    return "\n".join(part for part in (*above, hit.text[start:end]) if part)


def _word_features(
    question: str, idf: Mapping[str, float], places: Sequence[tuple[Hit, int, int]]
) -> Iterator[dict[str, float]]:
    """Yields, for each sentence, the features that need no token vectors. `places` starts with the best hit's sentences."""
    answer_type, best_score = expected_type(question), places[0][0].score
    question_words = set(idf)
    previous: tuple[int, set[str]] = (-1, set())  # the previous sentence, as (start of its hit, its words)
    for hit, start, end in places:
        sentence = hit.text[start:end]
        words = set(terms(sentence))
        titled_words = words | set(terms(f"{hit.title} {hit.heading}"))
        previous_words = previous[1] if previous[0] == hit.start else set()
        yield {
            "mean_match": 0.0,
            "min_match": 0.0,
            "word_share": _idf_share(question_words & words, idf),
            "context_word_share": _idf_share(question_words & (titled_words | previous_words), idf),
            "passage_score": hit.score - best_score,
            "answer_type": _answer_type_match(answer_type, sentence, question_words),
        }
        previous = (hit.start, words)


def _is_heading(hit: Hit, start: int, end: int) -> bool:
    found = _HEADING.match(hit.text, start, end)
    return found is not None and hit.text[found.end() : end].strip() in hit.heading


def _evidence(question: str, scored: _ScoredSentences) -> float:
    """Returns the probability that the documents answer the question, in [0, 1]."""
    return 1 / (1 + math.exp(-_EVIDENCE_BASE - _weighted_sum(_EVIDENCE, _evidence_features(question, scored))))


def _evidence_features(question: str, scored: _ScoredSentences) -> Mapping[str, float]:
    """Returns the best sentence's features, and the combined features of the aligned sentences in its passage."""
    best = scored.sentences[0]
    same_passage = [s.number for s in scored.sentences if s.hit is best.hit and s.number is not None]
    names = named_terms(question)
    passage_words = set(terms(f"{best.hit.title} {best.hit.heading} {best.hit.text}"))
    return {
        **best.features,
        "passage_mean_match": scored.alignment.mean(same_passage) if same_passage else 0.0,
        "passage_idf_match": scored.alignment.idf_weighted_mean(same_passage) if same_passage else 0.0,
        "missing_names": len(names - passage_words) / len(names) if names else 0.0,
    }


def _weighted_sum(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    return sum(weight * features[name] for name, weight in weights.items())


def _idf_share(words: set[str], idf: Mapping[str, float]) -> float:
    """Returns the share of the question's total idf that the given words account for, in [0, 1]."""
    total = sum(idf.values())
    return sum(idf[word] for word in words) / total if total else 0.0


def _has_content(sentence: str) -> bool:
    return sum(map(str.isalnum, sentence)) >= 2


def named_terms(question: str) -> set[str]:
    """Returns the stems of the names and numbers in a question.

    A name is any word other than the first that begins with a capital letter. A number begins with a digit.

    Example:
        >>> sorted(named_terms("When did Vikram Misri visit in 2020?"))
        ['2020', 'misri', 'vikram']
    """
    located = list(located_terms(question))
    return {term for start, term in located if question[start].isdigit() or (start > 0 and question[start].isupper())}


_PLACE_NOUNS = "city|country|state|place|river|continent|region|county|town|island|district|province"
_TIME_NOUNS = "year|date|day|month|century|decade|time"
_ANSWER_TYPES = (
    ("when", re.compile(rf"\bwhen\b|\b(what|which) ({_TIME_NOUNS})\b|\bhow long ago\b", re.IGNORECASE)),
    ("number", re.compile(
        r"\bhow (many|much|long|old|far|tall|high|large|big|often|fast|deep|wide|heavy)\b"
        r"|\bwhat (percent|percentage|number|amount|age|population|fraction|portion|price|share)\b", re.IGNORECASE)),
    ("name", re.compile(rf"\b(who|whom|whose|where)\b|\b(what|which) ({_PLACE_NOUNS}|person|actor|president|king|queen)\b",
                        re.IGNORECASE)),
    ("reason", re.compile(r"\bwhy\b", re.IGNORECASE)),
)  # fmt: skip
_DATE = re.compile(rf"\b(1\d{{3}}|20\d\d)\b|\b({'|'.join((*MONTHS, *WEEKDAYS))}|century|decade)\b")
_NUMBER = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion|half"
    r"|percent|twice)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(because|due to|since|so that|in order to|result|caused?|led to|reason|therefore)\b", re.IGNORECASE
)


def expected_type(question: str) -> str:
    """Returns the type of answer that a question asks for: "when", "number", "name" or "reason"; "" if unclear.

    Example:
        >>> expected_type("Who met Sun Weidong?"), expected_type("How many hives are there?"), expected_type("Is it safe?")
        ('name', 'number', '')
    """
    return next((answer_type for answer_type, pattern in _ANSWER_TYPES if pattern.search(question)), "")


def _answer_type_match(answer_type: str, sentence: str, question_words: set[str]) -> float:
    """Returns how well a sentence fits the expected type of answer, in [0, 1]; 0.5 if no type is expected."""
    if answer_type == "when":
        return 1.0 if _DATE.search(sentence) else 0.3 if any(map(str.isdigit, sentence)) else 0.0
    if answer_type == "number":
        return float(bool(_NUMBER.search(sentence)))
    if answer_type == "reason":
        return float(bool(_REASON.search(sentence)))
    if answer_type == "name":
        located = located_terms(sentence)
        return float(any(sentence[start].isupper() and start > 0 and term not in question_words for start, term in located))
    return 0.5
