"""Fits the models and the threshold in rag/answering/extraction.py to one part of each public test set.

    uv run --group benchmarks python benchmarks/fit_extraction.py DATA [FOLDER]

Prints the fitted values, and results for the other part. FOLDER is where the indexes are kept for the next run.

The sentence model is fitted to answerable questions from SQuAD 2.0 and NQ. Of all sentences in a question's retrieved
passages, the most likely one (by a softmax over them) should contain the gold string and belong to a gold document.

The evidence model is fitted to five kinds of questions: from SQuAD, including unanswerable ones; from NQ; from ClapNQ, each
restricted to its own passages; from SQuAD and NQ, but asked about the other test set's documents; and from SQuAD, asked in
small libraries that consist of four neighbouring paragraphs of an article, about these paragraphs and about other
paragraphs of the article. All kinds have the same weight, except that the last one has three times as much.

The threshold is the highest one at which 95 % of the answerable questions of every kind are answered.
"""

from __future__ import annotations

import glob
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sets
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from rag import Filter, Library
from rag.answering import extraction
from rag.evaluation import metrics
from rag.evaluation.records import Corpus, Question, QuestionSet

N = 1_000  # maximum number of questions from each part of a test set
SENTENCE, EVIDENCE = list(extraction._SENTENCE), list(extraction._EVIDENCE)
FOUR, ANOTHER = "four paragraphs", "another set"
WEIGHTS = {FOUR: 3.0}  # kind of question → its weight in the fit; 1 for other kinds
ANSWERED = 0.95


@dataclass
class Case:
    """The features of one question: those of its sentences and of the evidence. `right` marks sentences with the answer."""

    kind: str
    answerable: bool
    reported: bool
    sentences: np.ndarray
    right: np.ndarray
    evidence: np.ndarray


def case(library: Library, question: Question, kind: str, answerable: bool, reported: bool) -> Iterator[Case]:
    library._vector_sync.prepare()
    filters = Filter(tuple(map(glob.escape, question.within))) if kind == sets.CLAPNQ else None
    found = library._search.find(question.question, 8, filters)
    read = extraction._score_sentences(question.question, found.idf, found.hits[:5], library._shipped_embedder, None)
    if read is None:
        return
    gold = {one.source for one in question.evidence}
    right = [metrics.contains_gold(s.quote, question.answers) and s.hit.source in gold for s in read.sentences]
    evidence = extraction._evidence_features(question.question, read)
    yield Case(
        kind=kind,
        answerable=answerable,
        reported=reported,
        sentences=np.array([_values(sentence.features, SENTENCE) for sentence in read.sentences]),
        right=np.array(right),
        evidence=np.array(_values(evidence, EVIDENCE)),
    )


def _values(features: Mapping[str, float], names: list[str]) -> list[float]:
    return [features[name] for name in names]


def whole_sets(data: Path, folder: Path) -> Iterator[Case]:
    read = {name: sets.read(data, name) for name in (sets.SQUAD, sets.NQ, sets.CLAPNQ)}
    libraries = {name: sets.opened(corpus, folder / name) for name, (_, corpus) in read.items()}
    other = {sets.SQUAD: libraries[sets.NQ], sets.NQ: libraries[sets.SQUAD]}
    for name, (questions, _) in read.items():
        for reported in (False, True):
            for i, question in enumerate(sets.part(questions, reported=reported, most=N).questions):
                yield from case(libraries[name], question, name, question.answerable, reported)
                if name in other and i % 4 == 0:
                    yield from case(other[name], question, ANOTHER, False, reported)
        print(name, flush=True)


def four_paragraphs(questions: QuestionSet, corpus: Corpus) -> Iterator[Case]:
    """Asks questions in libraries that consist of four SQuAD paragraphs, about these and about the next four."""
    about: dict[str, list[tuple[Question, bool]]] = {}
    for reported in (False, True):
        for question in sets.part(questions, reported=reported).questions:
            if question.answerable:
                about.setdefault(question.within[0], []).append((question, reported))
    articles: dict[str, list] = {}
    for document in corpus.documents:
        articles.setdefault(document.source.split("#")[0], []).append(document)
    for paragraphs in articles.values():
        for begin in range(0, len(paragraphs) - 7, 16):
            group, others = paragraphs[begin : begin + 4], paragraphs[begin + 4 : begin + 8]
            with tempfile.TemporaryDirectory() as folder, Library.open(folder, short_lived=True) as library:
                library._imports.changed = False
                library.add_documents(group)
                library._imports.changed = False  # four paragraphs do not need Chroma
                for part, answerable in ((group, True), (others, False)):
                    for question, reported in [one for document in part for one in about.get(document.source, [])][:8]:
                        yield from case(library, question, FOUR, answerable, reported)
    print(FOUR, flush=True)


def fit_sentence_weights(cases: list[Case]) -> np.ndarray:
    """Returns the weights that maximise the likelihood of the right sentences. Both test sets have the same influence."""
    with_answer = [case for case in cases if case.kind in (sets.SQUAD, sets.NQ) and case.right.any() and not case.reported]
    share = {kind: 1 / sum(case.kind == kind for case in with_answer) for kind in (sets.SQUAD, sets.NQ)}

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 0.0005 * weights @ weights, 0.001 * weights
        for case in with_answer:
            scores = case.sentences @ weights
            odds = np.exp(scores - scores.max())
            all_, right = odds / odds.sum(), np.where(case.right, odds, 0) / odds[case.right].sum()
            total -= share[case.kind] * np.log(odds[case.right].sum() / odds.sum())
            slope = slope - share[case.kind] * case.sentences.T @ (right - all_)
        return total, slope

    return minimize(loss, np.zeros(len(SENTENCE)), jac=True, method="L-BFGS-B").x


def report_sentences(cases: list[Case], weights: np.ndarray) -> None:
    for kind in (sets.SQUAD, sets.NQ):
        reported = [case for case in cases if case.kind == kind and case.answerable and case.reported]
        for enough in (0.6, 0.65, 0.7, 0.75, 0.8):
            contained, taken = [], []
            for case in reported:
                scores = case.sentences @ weights
                order = np.argsort(-scores)
                odds = np.exp(scores[order] - scores.max())
                n = min(4, int(np.searchsorted(odds.cumsum(), enough * odds.sum())) + 1)
                contained.append(case.right[order[:n]].any())
                taken.append(n)
            print(f"{kind}, probability {enough}: contains gold {np.mean(contained):.3f}, sentences {np.mean(taken):.2f}")


def main() -> None:
    data = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch)
        cases = [*whole_sets(data, folder), *four_paragraphs(*sets.read(data, sets.SQUAD))]

    weights = fit_sentence_weights(cases)
    print("_SENTENCE =", json.dumps(dict(zip(SENTENCE, weights.round(2).tolist(), strict=True))))
    report_sentences(cases, weights)

    x = np.array([case.evidence for case in cases])
    kind, answerable, reported = (
        np.array([getattr(case, name) for case in cases]) for name in ("kind", "answerable", "reported")
    )
    fit = ~reported
    share = np.array([WEIGHTS.get(k, 1.0) * 1000 / (kind[fit] == k).sum() for k in kind])
    model = LogisticRegression(C=10, max_iter=5000).fit(x[fit], answerable[fit], sample_weight=share[fit])
    print("_EVIDENCE =", json.dumps(dict(zip(EVIDENCE, model.coef_[0].round(2).tolist(), strict=True))))
    print("_EVIDENCE_BASE =", model.intercept_.round(2)[0])
    p = model.predict_proba(x)[:, 1]
    threshold = min(np.quantile(p[fit & answerable & (kind == k)], 1 - ANSWERED) for k in set(kind[answerable]))
    print(f"threshold {threshold:.3f}")
    for k in dict.fromkeys(kind):
        of_kind = reported & (kind == k)
        given = {a: p[of_kind & (answerable == a)] >= threshold for a in (True, False)}
        auroc = f"AUROC {roc_auc_score(answerable[of_kind], p[of_kind]):.3f}, " if all(map(len, given.values())) else ""
        labels = {True: "answerable", False: "unanswerable"}
        print(f"{k}: {auroc}answered {', '.join(f'{labels[a]} {g.mean():.3f}' for a, g in given.items() if len(g))}")


if __name__ == "__main__":
    main()
