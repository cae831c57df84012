"""Runs that are read from files."""

from __future__ import annotations

import json

import pytest

from rag.errors import SetError
from rag.evaluation.records import RowJSON, RunJSON, group_of, parse_run


def test_a_run_survives_json(run: RunJSON) -> None:
    """A run is plain JSON, and is accepted when it is read back."""
    read = json.loads(json.dumps(run))

    assert json.loads(json.dumps(run)) == parse_run(read, "x.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "not an evaluation run"),
        ({"figures": {}}, "not an evaluation run"),
        ({"figures": {}, "questions": [], "schema_version": 1}, "schema version 1"),
        ({"figures": {}, "questions": [], "schema_version": 2}, "incomplete"),
    ],
)
def test_what_is_no_run(data: object, message: str) -> None:
    """The message names the file and what is wrong."""
    with pytest.raises(SetError, match=f"x.json .*{message}"):
        parse_run(data, "x.json")


def test_a_run_with_an_incomplete_row(run: RunJSON) -> None:
    """Each question needs all its fields."""
    del run["questions"][1]["flags"]

    with pytest.raises(SetError, match="incomplete"):
        parse_run(run, "x.json")


def test_group_of() -> None:
    """A question without a group is its own group."""
    rows: list[RowJSON] = [{"question": {"id": "a", "group": group}} for group in ("", "g")]

    assert ["a", "g"] == list(map(group_of, rows))
