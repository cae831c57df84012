"""How contracts are derived from records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pytest

from rag.schemas.contract import Versioned, adapter, derive, to_json


@dataclass(frozen=True, slots=True)
class Inner:
    """A record inside another."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Outer:
    """A record."""

    title: str
    inner: Inner
    many: tuple[Inner, ...] = ()
    share: float | None = None
    facts: Mapping[str, float] = field(default_factory=dict)


RECORD = Outer("t", Inner(7, "a"), (Inner(8, "b"),), 1, MappingProxyType({"x": 2}))


def test_all_fields_as_they_are() -> None:
    """Nested records, tuples and mappings become JSON, and integers stay integers."""
    made = to_json(derive(Outer), RECORD)

    assert made == {
        "title": "t",
        "inner": {"id": 7, "name": "a"},
        "many": [{"id": 8, "name": "b"}],
        "share": 1,
        "facts": {"x": 2},
    }
    assert [int, int] == [type(made["share"]), type(made["facts"]["x"])]


def test_renamed_flattened_reordered_left_out() -> None:
    """Fields follow the spec and its order, and a nested contract is used wherever its record occurs."""
    inner = derive(Inner, without="id")
    outer = derive(
        Outer, "many first=inner.name heading=title", without="share facts", nested={Inner: inner}, base=Versioned
    )
    made = to_json(outer, RECORD)

    assert list(made.items()) == [("schema_version", 1), ("many", [{"name": "b"}]), ("first", "a"), ("heading", "t")]


def test_a_new_field_must_be_decided_upon() -> None:
    """A record with a new field is refused until its contract either includes or omits that field."""
    with pytest.raises(TypeError, match="neither includes nor omits facts, share"):
        derive(Outer, "title inner many")


def test_fields_that_no_record_has() -> None:
    """Fields that the record does not have are passed along with it."""

    class Asked(Versioned):
        question: str = ""

    assert {"schema_version": 1, "question": "Who?", "id": 1, "name": "n"} == to_json(
        derive(Inner, base=Asked), Inner(1, "n"), question="Who?"
    )


def test_schema() -> None:
    """Types come from the record, every field is required, and floats are published as numbers."""
    made = adapter(derive(Outer)).json_schema(mode="serialization")

    assert ["title", "inner", "many", "share", "facts"] == made["required"]
    assert [{"type": "number"}, {"type": "null"}] == made["properties"]["share"]["anyOf"]
    assert {"type": "number"} == made["properties"]["facts"]["additionalProperties"]
