"""Where to stop answering: the threshold of evidence, fitted on some questions of a set, and judged on the others. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rag import stats
from rag.errors import SetError
from rag.measured import RowJSON

_FOLDS = 5
_LEAST = 10  # questions: fewer say nothing
_NEVER = 1.01  # above every score: nothing is answered


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does: the share of questions answered, of wrong ones among these, and what a question costs then.

    Attributes:
        risk: 0 where nothing is answered.
        false_refusals: Share of the answerable that are declined; `refusal_recall` that of the unanswerable.
    """

    threshold: float
    coverage: float
    risk: float
    refusal_recall: float
    false_refusals: float
    cost: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted threshold, as it is kept with the index.

    Attributes:
        wanted: The share of wrong answers it was fitted for; None where it was fitted for the least cost.
        reached: Whether the set's questions allow it at all.
        held_out: What thresholds fitted on four fifths of the questions did to the fifth that each had not seen, together.
        intervals: 95 %, of the held-out risk and coverage.
        curve: From answering everything to answering nothing.
        abstain_cost: What declining an answerable question costs; a wrong answer costs 1.
    """

    threshold: float
    wanted: float | None
    reached: bool
    fitted: Point
    held_out: Point
    intervals: dict[str, stats.Interval]
    curve: tuple[Point, ...]
    abstain_cost: float
    questions: int
    set_name: str
    set_sha256: str
    embedder: str
    made: str


def restored(kept: Mapping[str, Any]) -> Calibration:
    """A calibration from what was kept of it as JSON."""
    points = {name: Point(**kept[name]) for name in ("fitted", "held_out")}
    curve = tuple(Point(**point) for point in kept["curve"])
    intervals = {name: (low, high) for name, (low, high) in kept["intervals"].items()}
    return Calibration(**{**kept, **points, "curve": curve, "intervals": intervals})


@dataclass(frozen=True, slots=True)
class _Case:
    evidence: float
    answerable: bool
    right: bool
    group: str


def fit(
    rows: Sequence[RowJSON], wanted: float | None, abstain_cost: float, *, about: tuple[str, str, str, str]
) -> Calibration:
    """Fits a threshold to answers that were given without one.

    Args:
        rows: Of a run in which nothing was declined.
        wanted: The share of wrong answers that may be given; None for the least cost.
        abstain_cost: What declining an answerable question costs, if a wrong answer costs 1.
        about: Name and hash of the set, the index's embedder, and when it was made.

    Raises:
        SetError: There are too few questions whose answers can be told right or wrong.
    """
    cases = [_case(row) for row in rows if "risk" in row["measures"]]
    if len(cases) < _LEAST:
        raise SetError(
            f"{len(cases)} questions of the set can be told right or wrong, which is too few",
            "ten are the least, 50 are good",
        )
    curve = _curve(cases, abstain_cost)
    fitted, reached = _best(curve, wanted)
    held_out, intervals = _held_out(cases, wanted, abstain_cost)
    return Calibration(
        round(fitted.threshold, 4), wanted, reached, fitted, held_out, intervals, tuple(_thinned(curve)), abstain_cost,
        len(cases), *about,
    )  # fmt: skip


def at(rows: Sequence[RowJSON], threshold: float, abstain_cost: float) -> Point:
    """What a threshold would do to answers that were given without one."""
    return _point([_case(row) for row in rows if "risk" in row["measures"]], threshold, abstain_cost)


def _case(row: RowJSON) -> _Case:
    question = row["question"]
    return _Case(
        row["evidence"], question["answerable"], row["measures"]["risk"][0] == 0, question["group"] or question["id"]
    )


def _curve(cases: Sequence[_Case], abstain_cost: float) -> list[Point]:
    """One point for each threshold that makes a difference, the lowest first."""
    scores = sorted({case.evidence for case in cases})
    between = [(a + b) / 2 for a, b in pairwise(scores)]
    return [_point(cases, threshold, abstain_cost) for threshold in (0.0, *between, _NEVER)]


def _point(cases: Sequence[_Case], threshold: float, abstain_cost: float) -> Point:
    return _outcome(cases, [case.evidence >= threshold for case in cases], threshold, abstain_cost)


def _outcome(cases: Sequence[_Case], given: Sequence[bool], threshold: float, abstain_cost: float) -> Point:
    n = len(cases)
    answered = sum(given)
    wrong = sum(is_given and not case.right for case, is_given in zip(cases, given, strict=True))
    answerable = [is_given for case, is_given in zip(cases, given, strict=True) if case.answerable]
    others = [is_given for case, is_given in zip(cases, given, strict=True) if not case.answerable]
    declined = answerable.count(False)
    return Point(
        threshold,
        answered / n,
        wrong / answered if answered else 0.0,
        others.count(False) / len(others) if others else 1.0,
        declined / len(answerable) if answerable else 0.0,
        (wrong + abstain_cost * declined) / n,
    )


def _best(curve: Sequence[Point], wanted: float | None) -> tuple[Point, bool]:
    """The point that answers most within the wanted risk, or that costs least; and whether the risk can be kept."""
    if wanted is None:
        return min(curve, key=lambda point: (point.cost, point.threshold)), True
    kept = [point for point in curve if point.coverage and point.risk <= wanted]
    if not kept:
        return min((point for point in curve if point.coverage), key=lambda point: (point.risk, point.threshold)), False
    return max(kept, key=lambda point: point.coverage), True


def _held_out(cases: Sequence[_Case], wanted: float | None, abstain_cost: float) -> tuple[Point, dict[str, stats.Interval]]:
    """Each fifth of the questions under a threshold fitted on the others; what hangs together stays together."""
    groups = sorted({case.group for case in cases})
    random.Random(0).shuffle(groups)  # noqa: S311  # the same for everybody
    folds = min(_FOLDS, len(groups))
    fold_of = {group: n % folds for n, group in enumerate(groups)}
    given = [False] * len(cases)
    thresholds = []
    for fold in range(folds):
        others = [case for case in cases if fold_of[case.group] != fold]
        threshold = _best(_curve(others, abstain_cost), wanted)[0].threshold if others else 0.0
        thresholds.append(threshold)
        for n, case in enumerate(cases):
            if fold_of[case.group] == fold:
                given[n] = case.evidence >= threshold
    bootstrap = stats.Bootstrap([case.group for case in cases])
    wrong = [(float(is_given and not case.right), float(is_given)) for case, is_given in zip(cases, given, strict=True)]
    drawn = {"risk": bootstrap.ratio(wrong), "coverage": bootstrap.ratio([(float(is_given), 1.0) for is_given in given])}
    point = _outcome(cases, given, sum(thresholds) / len(thresholds), abstain_cost)
    return point, {name: interval for name, interval in drawn.items() if interval is not None}


def _thinned(curve: Sequence[Point], most: int = 100) -> list[Point]:
    step = max(1, len(curve) // most)
    return [*curve[:-1:step], curve[-1]]
