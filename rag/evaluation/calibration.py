"""Where to stop answering: the threshold of evidence, fitted on some questions of a set, and judged on the others. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from rag.errors import SetError
from rag.evaluation import statistics
from rag.evaluation.records import RowJSON, group_of

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
    intervals: dict[str, statistics.Interval]
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


def _case(row: RowJSON) -> _Case:
    return _Case(row["evidence"], row["question"]["answerable"], row["measures"]["risk"][0] == 0, group_of(row))


@dataclass
class _Counts:
    """Of questions: how many there are, and what became of them so far."""

    answerable: int = 0
    others: int = 0
    declined: int = 0  # of the answerable
    refused: int = 0  # of the others
    wrong: int = 0

    def count(self, case: _Case, given: bool) -> None:
        self.answerable += case.answerable
        self.others += not case.answerable
        self.wrong += not case.right
        if not given:
            self.decline(case)

    def decline(self, case: _Case) -> None:
        self.declined += case.answerable
        self.refused += not case.answerable
        self.wrong -= not case.right

    def point(self, threshold: float, abstain_cost: float) -> Point:
        n = self.answerable + self.others
        answered = n - self.declined - self.refused
        return Point(
            threshold,
            answered / n,
            self.wrong / answered if answered else 0.0,
            self.refused / self.others if self.others else 1.0,
            self.declined / self.answerable if self.answerable else 0.0,
            (self.wrong + abstain_cost * self.declined) / n,
        )


def _counted(cases: Iterable[tuple[_Case, bool]]) -> _Counts:
    counts = _Counts()
    for case, given in cases:
        counts.count(case, given)
    return counts


def _curve(cases: Sequence[_Case], abstain_cost: float) -> list[Point]:
    """One point for each threshold that makes a difference, the lowest first; one question after the other is declined."""
    ranked = sorted(cases, key=lambda case: case.evidence)
    counts = _counted((case, True) for case in ranked)
    curve = [counts.point(0.0, abstain_cost)]
    for case, following in zip_longest(ranked, ranked[1:]):
        counts.decline(case)
        if following is None:
            curve.append(counts.point(_NEVER, abstain_cost))
        elif following.evidence > case.evidence:
            curve.append(counts.point((case.evidence + following.evidence) / 2, abstain_cost))
    return curve


def _best(curve: Sequence[Point], wanted: float | None) -> tuple[Point, bool]:
    """The point that answers most within the wanted risk, or that costs least; and whether the risk can be kept."""
    if wanted is None:
        return min(curve, key=lambda point: (point.cost, point.threshold)), True
    kept = [point for point in curve if point.coverage and point.risk <= wanted]
    if not kept:
        return min((point for point in curve if point.coverage), key=lambda point: (point.risk, point.threshold)), False
    return max(kept, key=lambda point: point.coverage), True


def _held_out(
    cases: Sequence[_Case], wanted: float | None, abstain_cost: float
) -> tuple[Point, dict[str, statistics.Interval]]:
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
    bootstrap = statistics.Bootstrap([case.group for case in cases])
    wrong = [(float(is_given and not case.right), float(is_given)) for case, is_given in zip(cases, given, strict=True)]
    drawn = {"risk": bootstrap.ratio(wrong), "coverage": bootstrap.ratio([(float(is_given), 1.0) for is_given in given])}
    point = _counted(zip(cases, given, strict=True)).point(sum(thresholds) / len(thresholds), abstain_cost)
    return point, {name: interval for name, interval in drawn.items() if interval is not None}


def _thinned(curve: Sequence[Point], most: int = 100) -> list[Point]:
    step = max(1, len(curve) // most)
    return [*curve[:-1:step], curve[-1]]
