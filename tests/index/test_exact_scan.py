"""The exact scan is exact."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.index.exact_scan import ExactScan


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 7))), max_size=40))
def test_the_scan_agrees_with_a_dictionary(changes: list[tuple[str, int | None]]) -> None:
    """After upserts and deletes in any order, the scan has what a dictionary has, ranked by cosine."""
    scan, model = ExactScan(), {}
    directions = np.eye(8, dtype=np.float32)
    scan.apply((key, None if at is None else directions[at]) for key, at in changes)
    for key, at in changes:
        model.pop(key, None)
        if at is not None:
            model[key] = at
    query = np.arange(8, dtype=np.float32)
    found = scan.nearest(query, 3)

    assert len(scan) == len(model)
    assert [score for _, score in found] == sorted((float(at) for at in model.values()), reverse=True)[:3]
    assert all(model[key] == score for key, score in found)
