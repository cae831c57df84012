"""Fits the abstention threshold: the evidence score below which rag declines to answer a question.

The threshold is fitted on all questions in a test set. Its coverage (the share of questions that are answered) and its risk
(the share of those answers that are wrong) are estimated by cross-validation: the questions in each fold are answered or
declined according to a threshold that was fitted on the other folds.

Fitting has no side effects and does not need an open library.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from rag.errors import SetError
from rag.evaluation import statistics
from rag.evaluation.records import RowJSON, group_of

_FOLDS = 5
_MIN_QUESTIONS = 10  # with fewer questions, a fitted threshold would be arbitrary
_DECLINE_ALL = 1.01  # a threshold above every evidence score
_MAX_POINTS = 100  # approximate number of points stored for the curve


@dataclass(frozen=True, slots=True)
class Point:
    """The effect of a threshold on a set of questions.

    Attributes:
        coverage: Share of questions that are answered.
        risk: Share of the given answers that are wrong; 0 if no question is answered.
        refusal_recall: Share of unanswerable questions that are declined.
        false_refusals: Share of answerable questions that are declined.
        cost: Mean cost per question. A wrong answer costs 1, and declining an answerable question costs `abstain_cost`.
    """

    threshold: float
    coverage: float
    risk: float
    refusal_recall: float
    false_refusals: float
    cost: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """The data that a threshold was fitted on.

    Attributes:
        embedder: Name of the index's embedder; a different embedder needs a different threshold.
        made: Time at which the answers were given (ISO 8601, UTC).
    """

    set_name: str
    set_sha256: str
    embedder: str
    made: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted threshold, as stored with the index.

    Attributes:
        target_error_rate: Highest share of wrong answers allowed when fitting; None if the cost was minimised instead.
        reached: Whether any threshold meets the target on this test set; True if there is no target.
        fitted: Effect of the threshold on the questions that it was fitted on.
        held_out: Effect in cross-validation, where each fold's threshold is applied to questions that it was not fitted on.
        intervals: 95% intervals for the "risk" and "coverage" of `held_out`.
        curve: Effects of increasing thresholds. The lowest threshold declines no question, and the highest declines all.
        abstain_cost: Cost of declining an answerable question; a wrong answer costs 1.
        questions: Number of questions that the threshold was fitted on.
    """

    threshold: float
    target_error_rate: float | None
    reached: bool
    fitted: Point
    held_out: Point
    intervals: dict[str, statistics.Interval]
    curve: tuple[Point, ...]
    abstain_cost: float
    questions: int
    set_name: str
    set_sha256: str
    embedder: str
    made: str

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values. `target_error_rate` is stored under its published name, `wanted`."""
        return {"wanted" if name == "target_error_rate" else name: value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Restores a calibration from the values that `to_json` returned."""
        fields = {"target_error_rate" if name == "wanted" else name: value for name, value in values.items()}
        fields |= {name: Point(**values[name]) for name in ("fitted", "held_out")}
        fields["curve"] = tuple(Point(**point) for point in values["curve"])
        fields["intervals"] = {name: (low, high) for name, (low, high) in values["intervals"].items()}
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class _GivenAnswer:
    """An answer given while no threshold was in effect. `right` is always False for an unanswerable question."""

    evidence: float
    answerable: bool
    right: bool
    group: str


def fit_threshold(
    rows: Sequence[RowJSON], *, target_error_rate: float | None, abstain_cost: float, provenance: Provenance
) -> Calibration:
    """Fits a threshold to answers that were given while no threshold was in effect.

    Args:
        rows: The rows of a run in which no question was declined for lack of evidence.
        target_error_rate: Highest share of the given answers that may be wrong; None to minimise the cost instead.
        abstain_cost: Cost of declining an answerable question; a wrong answer costs 1.
        provenance: The data that the rows come from.

    Raises:
        SetError: Too few questions have the gold data needed to decide whether an answer is right.
    """
    answers = [_given_answer(row) for row in rows if "risk" in row["measures"]]
    if len(answers) < _MIN_QUESTIONS:
        raise SetError(
            f"the test set has too few questions whose answers can be checked: {len(answers)}",
            f"use 50 or more questions with answers; {_MIN_QUESTIONS} is the minimum",
        )
    curve = _curve(answers, abstain_cost)
    fitted, reached = _best(curve, target_error_rate)
    held_out, intervals = _cross_validate(answers, target_error_rate, abstain_cost)
    return Calibration(
        threshold=round(fitted.threshold, 4),
        target_error_rate=target_error_rate,
        reached=reached,
        fitted=fitted,
        held_out=held_out,
        intervals=intervals,
        curve=tuple(_thin_out(curve)),
        abstain_cost=abstain_cost,
        questions=len(answers),
        set_name=provenance.set_name,
        set_sha256=provenance.set_sha256,
        embedder=provenance.embedder,
        made=provenance.made,
    )


def _given_answer(row: RowJSON) -> _GivenAnswer:
    return _GivenAnswer(
        evidence=row["evidence"],
        answerable=row["question"]["answerable"],
        right=row["measures"]["risk"][0] == 0,
        group=group_of(row),
    )


@dataclass
class _Counts:
    """Running counts of answered and declined questions."""

    answerable: int = 0
    unanswerable: int = 0
    answerable_declined: int = 0
    unanswerable_declined: int = 0
    wrong: int = 0

    def add(self, answer: _GivenAnswer, is_given: bool) -> None:
        self.answerable += answer.answerable
        self.unanswerable += not answer.answerable
        self.wrong += not answer.right
        if not is_given:
            self.decline(answer)

    def decline(self, answer: _GivenAnswer) -> None:
        self.answerable_declined += answer.answerable
        self.unanswerable_declined += not answer.answerable
        self.wrong -= not answer.right

    def point(self, threshold: float, abstain_cost: float) -> Point:
        n = self.answerable + self.unanswerable
        given = n - self.answerable_declined - self.unanswerable_declined
        return Point(
            threshold=threshold,
            coverage=given / n,
            risk=self.wrong / given if given else 0.0,
            refusal_recall=self.unanswerable_declined / self.unanswerable if self.unanswerable else 1.0,
            false_refusals=self.answerable_declined / self.answerable if self.answerable else 0.0,
            cost=(self.wrong + abstain_cost * self.answerable_declined) / n,
        )


def _count(answers: Iterable[tuple[_GivenAnswer, bool]]) -> _Counts:
    counts = _Counts()
    for answer, is_given in answers:
        counts.add(answer, is_given)
    return counts


def _curve(answers: Sequence[_GivenAnswer], abstain_cost: float) -> list[Point]:
    """Returns the effects of increasing thresholds: one threshold for each set of questions that can be declined."""
    ranked = sorted(answers, key=lambda answer: answer.evidence)
    counts = _count((answer, True) for answer in ranked)
    curve = [counts.point(0.0, abstain_cost)]
    for answer, following in zip_longest(ranked, ranked[1:]):
        counts.decline(answer)
        if following is None:
            curve.append(counts.point(_DECLINE_ALL, abstain_cost))
        elif following.evidence > answer.evidence:
            curve.append(counts.point((answer.evidence + following.evidence) / 2, abstain_cost))
    return curve


def _best(curve: Sequence[Point], target_error_rate: float | None) -> tuple[Point, bool]:
    """Returns the best point on a curve, and whether it meets the target.

    If there is a target, the best point is the one with the highest coverage among those that meet the target. If no point
    meets the target, it is the point with the lowest risk. If there is no target, it is the point with the lowest cost.
    """
    if target_error_rate is None:
        return min(curve, key=lambda point: (point.cost, point.threshold)), True
    answering = [point for point in curve if point.coverage]
    within_target = [point for point in answering if point.risk <= target_error_rate]
    if not within_target:
        return min(answering, key=lambda point: (point.risk, point.threshold)), False
    return max(within_target, key=lambda point: point.coverage), True


def _cross_validate(
    answers: Sequence[_GivenAnswer], target_error_rate: float | None, abstain_cost: float
) -> tuple[Point, dict[str, statistics.Interval]]:
    """Estimates the effect of thresholds on questions that they were not fitted on.

    The threshold applied to each fold is fitted on the other folds. Questions in the same group are in the same fold.
    """
    groups = sorted({answer.group for answer in answers})
    random.Random(0).shuffle(groups)  # noqa: S311  # the same folds on every machine
    folds = min(_FOLDS, len(groups))
    fold_of = {group: n % folds for n, group in enumerate(groups)}
    given = [False] * len(answers)
    thresholds = []
    for fold in range(folds):
        others = [answer for answer in answers if fold_of[answer.group] != fold]
        threshold = _best(_curve(others, abstain_cost), target_error_rate)[0].threshold if others else 0.0
        thresholds.append(threshold)
        for n, answer in enumerate(answers):
            if fold_of[answer.group] == fold:
                given[n] = answer.evidence >= threshold
    point = _count(zip(answers, given, strict=True)).point(sum(thresholds) / len(thresholds), abstain_cost)
    bootstrap = statistics.Bootstrap([answer.group for answer in answers])
    wrong = [
        (float(is_given and not answer.right), float(is_given)) for answer, is_given in zip(answers, given, strict=True)
    ]
    intervals = {
        "risk": bootstrap.ratio_interval(wrong),
        "coverage": bootstrap.ratio_interval([(float(is_given), 1.0) for is_given in given]),
    }
    return point, {name: interval for name, interval in intervals.items() if interval is not None}


def _thin_out(curve: Sequence[Point]) -> list[Point]:
    step = max(1, len(curve) // _MAX_POINTS)
    return [*curve[:-1:step], curve[-1]]
