"""Records that leave the library: filters are checked, reports are added up."""

from __future__ import annotations

import pytest

from rag import Filter
from rag.errors import SettingsError
from rag.records import Anchor, Failure, SyncReport, anchor_at


@pytest.mark.parametrize("date", ["yesterday", "2025-6", "2025-06-13T00:00", "٢٠٢٥"])
def test_a_filter_takes_dates_only(date: str) -> None:
    """Anything else is named at once, for either bound."""
    with pytest.raises(SettingsError, match="is not a date"):
        Filter(since=date)
    with pytest.raises(SettingsError, match="is not a date"):
        Filter(until=date)


def test_reports_are_added_up() -> None:
    """Counts are summed, failures joined in order."""
    first = SyncReport(added=1, removed=2, failed=(Failure("a", "bad", "mend"),), ignored=3, passages=4, seconds=0.5)
    second = SyncReport(added=10, unchanged=20, failed=(Failure("b", "bad", "mend"),), held=("c",), seconds=1.5)

    assert first.joined(second) == SyncReport(
        added=11,
        unchanged=20,
        removed=2,
        failed=(Failure("a", "bad", "mend"), Failure("b", "bad", "mend")),
        held=("c",),
        ignored=3,
        passages=4,
        seconds=2.0,
    )


def test_an_offset_belongs_to_the_last_anchor_before_it() -> None:
    """Text before the first anchor belongs to the first; a document without anchors has none."""
    first, second = Anchor(10, "p. 1", 1), Anchor(20, "p. 2", 2)

    assert [first, first, first, second] == [anchor_at((first, second), offset) for offset in (0, 10, 19, 20)]
    assert anchor_at((), 5) is None
