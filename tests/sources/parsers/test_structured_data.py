"""JSON, JSON Lines and XML."""

from __future__ import annotations

import pytest

from rag.errors import ReadError
from rag.sources.parsers.structured_data import parse, parse_lines, parse_xml


def test_nested_values_are_named_by_their_path() -> None:
    data = b'{"title": "Office", "city": {"name": "Tartu", "rooms": [1, 2]}, "open": true, "none": null, "sum": 1.50}'
    document = parse(data, "a.json")

    assert "title: Office\ncity › name: Tartu\ncity › rooms: 1, 2\nopen: yes\nsum: 1.50" == document.text
    assert "Office" == document.title


def test_items_of_a_list_are_anchors() -> None:
    document = parse(b'[{"a": 1, "b": "x"}, {"a": 2, "b": ""}]', "a.json")

    assert "a: 1 | b: x\n\na: 2" == document.text
    assert ["item 1", "item 2"] == [anchor.name for anchor in document.anchors]


def test_json_lines() -> None:
    """Empty lines count; a line that is not JSON is kept as text, if it is one of many."""
    lines = [b'{"a": %d}' % n for n in range(20)] + [b"", b"oops"]
    document = parse_lines(b"\n".join(lines), "a.jsonl")

    assert ("a: 19\n\noops", "line 22") == (document.text[-11:], document.anchors[-1].name)
    with pytest.raises(ReadError, match="not valid JSON Lines"):
        parse_lines(b"oops\n[1]", "a.jsonl")


@pytest.mark.parametrize(("data", "reason"), [(b"{", "not valid JSON"), (b"[" * 100_000, "nested too deep")])
def test_bad_json_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        parse(data, "a.json")


def test_elements_of_xml() -> None:
    """Elements inside a sentence stay in it."""
    data = b'<book id="7"><title>The Ferry</title><p>It <b>sails</b> at night.</p><size unit="m">40</size></book>'
    document = parse_xml(data, "a.xml")

    assert "book (id 7)\nThe Ferry\nIt sails at night.\nsize (unit m): 40" == document.text
    assert "The Ferry" == document.title
