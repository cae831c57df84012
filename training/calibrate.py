"""Fits how sure rag is that a passage answers, from what the reader and the search say of it, and prints the weights.

    python -m training.calibrate DATA FOLDER [--most 500] [--rows rows.pickle]

Every passage of a search is read completely. The weights are fitted on one half of the articles and documents that no
reader was trained on, and reported on the other half. They are constants in `rag/answering/reading.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag import Library
from rag.answering.extraction import closest_sentence
from rag.answering.reading import context_of
from rag.evaluation.metrics import contains_gold
from rag.evaluation.statistics import auroc
from rag.models.reader import Reader
from training.held import SETS, Held, held, library

_READ = 12  # passages
_SPANS = 3  # of each passage
_ROUNDS, _STEPS = 5, 50
Candidate = tuple[np.ndarray, bool]  # what is known of a span, and whether the sentence around it contains the answer


def candidates(one: Held, opened: Library, reader: Reader) -> list[Candidate]:
    """Returns the spans in the passages that are found for a question.

    What is known of a span: the logit of whether its passage answers, its margin over no answer, the passage's score in the
    search less the best one's, the passage's relevance, and the first and the fourth after half of the layers.
    """
    hits = opened.search(one.question, _READ)
    about = opened._catalog.documents.metadata_of(sorted({hit.document_id for hit in hits}))
    passages = [(context_of(hit.title, hit.heading, about.get(hit.document_id, {}), hit.date), hit.text) for hit in hits]
    skimmed = reader._skim(one.question, passages)
    found = []
    for half, read in zip(skimmed, reader._read_on(skimmed), strict=True):
        hit = hits[read.passage]
        for span in read.spans[:_SPANS]:
            known = (read.answers, span.margin, hit.score - hits[0].score, read.relevance)
            words = closest_sentence(replace(hit, short_start=hit.start + span.start, short_end=hit.start + span.end)).text
            is_right = one.answerable and contains_gold(words, one.answers)
            found.append((np.array([*known, half.half.answers, half.half.relevance]), is_right))
    return found


def fit(rows: Sequence[tuple[str, Held, list[Candidate]]], used: Sequence[int]) -> tuple[np.ndarray, float]:
    """Fits a logistic model of whether the best span of a question answers it; every set and both kinds weigh the same.

    Args:
        rows: (set, question, its spans).
        used: Which of the facts known of a span are used.

    Returns:
        The weight of each fact, and the constant.
    """
    weights, base = np.zeros(len(used)), 0.0
    weights[0] = 1.0
    counts = Counter((name, one.answerable) for name, one, _ in rows)
    importance = np.array([1 / counts[name, one.answerable] for name, one, _ in rows])
    labels = np.array([float(one.answerable) for _, one, _ in rows])
    for _ in range(_ROUNDS):
        best = np.array([max((known[list(used)] for known, _ in found), key=lambda x: x @ weights) for _, _, found in rows])
        facts = np.hstack([best, np.ones((len(best), 1))])
        all_weights = np.append(weights, base)
        for _ in range(_STEPS):
            p = 1 / (1 + np.exp(-facts @ all_weights))
            gradient = facts.T @ (importance * (labels - p)) - 1e-3 * all_weights
            hessian = (facts * (importance * p * (1 - p))[:, None]).T @ facts + 1e-3 * np.eye(len(all_weights))
            all_weights = all_weights + np.linalg.solve(hessian, gradient)
        weights, base = all_weights[:-1], float(all_weights[-1])
    return weights, base


def report(
    rows: Sequence[tuple[str, Held, list[Candidate]]], used: Sequence[int], weights: np.ndarray, base: float
) -> None:
    """Prints, for each set, how well the weights tell questions that are answered from others."""
    for name in dict.fromkeys(name for name, _, _ in rows):
        scored = [
            (
                one,
                max(
                    ((float(known[list(used)] @ weights) + base, is_right) for known, is_right in found), key=lambda x: x[0]
                ),
            )
            for of, one, found in rows
            if of == name
        ]
        yes = [1 / (1 + np.exp(-score)) for one, (score, _) in scored if one.answerable]
        no = [1 / (1 + np.exp(-score)) for one, (score, _) in scored if not one.answerable]
        right = np.mean([is_right for one, (_, is_right) in scored if one.answerable])
        line = f"{name}: {len(yes)} + {len(no)}, best sentence is right {right:.3f}"
        if no:
            found = auroc([*yes, *no], [True] * len(yes) + [False] * len(no))
            line += f", AUROC {found:.3f}, declined at .12 {np.mean(np.array(no) < np.quantile(yes, 0.12)):.3f}"
        cuts = ", ".join(f"{share}: {np.quantile(yes, share):.3f}" for share in (0.02, 0.05, 0.08, 0.12))
        print(f"{line}; thresholds that decline a share of the answerable ones: {cuts}")


def main() -> None:
    """Reads, fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--most", type=int, default=400)
    parser.add_argument("--rows", type=Path)
    options = parser.parse_args()
    rows = []
    reader = Reader()
    for name in options.sets.split(","):
        questions = list(held(name, options.data))
        questions = questions[:: max(1, -(-len(questions) // options.most))]
        with library(name, options.data, options.folder) as opened:
            rows += [(name, one, candidates(one, opened, reader)) for one in questions]
        print(name, len(questions), flush=True)
    if options.rows:
        options.rows.write_bytes(pickle.dumps(rows))
    rows = [row for row in rows if row[2]]
    halves = [[row for row in rows if _half(row[1].unit) == half] for half in (0, 1)]
    for used in ((0, 1), (0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5)):
        weights, base = fit(halves[0], used)
        print(f"\nfacts {used}: weights {np.round(weights, 3)}, constant {base:.3f}")
        report(halves[1], used, weights, base)


def _half(unit: str) -> int:
    return hashlib.sha256(f"half {unit}".encode()).digest()[0] % 2


if __name__ == "__main__":
    main()
