"""Measures a reader on single pairs: whether it tells passages that answer from others, and whether it finds the words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from rag.evaluation.metrics import f1
from rag.evaluation.statistics import auroc
from training.batches import Pair, batched
from training.model import Reader

_BATCH = 24
_BEST, _LONGEST = 10, 40  # starts that are examined, and tokens of an answer


class Reading(NamedTuple):
    """What the reader says of a pair: its scores, and the words that it takes for the answer."""

    answers: float
    margin: float
    early: float
    relevance: float
    words: str


def readings(model: Reader, pairs: Sequence[Pair]) -> list[Reading]:
    """Reads all pairs."""
    model.eval()
    order = sorted(range(len(pairs)), key=lambda n: -len(pairs[n].encoding.ids))
    found: dict[int, Reading] = {}
    for begin in range(0, len(order), _BATCH):
        numbers = order[begin : begin + _BATCH]
        batch = batched([pairs[n] for n in numbers])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            scores = model(batch.ids, batch.types, batch.mask)
        for at, n in enumerate(numbers):
            margin, first, last = best_span(scores.start[at].numpy(), scores.end[at].numpy())
            offsets = pairs[n].encoding.offsets
            words = pairs[n].text[offsets[first][0] : offsets[last][1]]
            values = (scores.answers[at], scores.early_answers[at], scores.relevance[at])
            answers, early, relevance = map(float, values)
            found[n] = Reading(answers, margin, early, relevance, words)
    model.train()
    return [found[n] for n in range(len(pairs))]


def best_span(start: np.ndarray, end: np.ndarray) -> tuple[float, int, int]:
    """Returns by how much the best span is better than none, and its first and last token."""
    best = (-1e9, 0, 0)
    for first in np.argsort(-start)[:_BEST]:
        if first:
            last = first + int(np.argmax(end[first : first + _LONGEST]))
            best = max(best, (float(start[first] + end[last]), int(first), int(last)))
    return best[0] - float(start[0] + end[0]), best[1], best[2]


def _separation(yes: Sequence[float], no: Sequence[float]) -> float:
    """Returns the AUROC of values that should be high against low ones; NaN if there are none of a kind."""
    found = auroc([*yes, *no], [True] * len(yes) + [False] * len(no))
    return float("nan") if found is None else found


def report(model: Reader, pairs: Sequence[Pair]) -> None:
    """Prints, for each set, the AUROC among relevant passages and among all, and the F1 of the span."""
    groups: dict[str, list[tuple[Pair, Reading]]] = defaultdict(list)
    for pair, reading in zip(pairs, readings(model, pairs), strict=True):
        groups[pair.row["set"].split("-")[0]].append((pair, reading))
    for name, group in sorted(groups.items()):
        yes = [r.answers + r.margin / 2 for p, r in group if p.row["answers"]]
        near = [r.answers + r.margin / 2 for p, r in group if not p.row["answers"] and p.row["relevant"]]
        far = [r.answers + r.margin / 2 for p, r in group if not p.row["answers"] and not p.row["relevant"]]
        early = [[r.early for p, r in group if p.row["answers"]], [r.early for p, r in group if not p.row["answers"]]]
        overlap = [f1(r.words, p.row["golds"]) for p, r in group if p.row["answers"]]
        print(
            f"{name}: near misses {_separation(yes, near):.3f} ({len(yes)} + {len(near)}),"
            f" others {_separation(yes, far):.3f} ({len(far)}),"
            f" half of the layers {_separation(*early):.3f}, span F1 {np.mean(overlap):.3f}",
            flush=True,
        )
