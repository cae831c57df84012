"""Files inside files: their names, their depth, and what is skipped."""

from __future__ import annotations

import pytest

from rag.records import Document
from rag.sources.parsers.attachments import base_name, with_attachments

CONTAINER = Document("See below.", title="Minutes", date="2025-02-03", source="7")


def test_an_attachment_names_its_container() -> None:
    """It is named below the container, has its title in the metadata, and its date where it has none of its own."""
    _, attached = with_attachments(CONTAINER, [("note.txt", b"The quay is closed.")], 0).documents

    assert ("7/note.txt", "2025-02-03", {"attached_to": "Minutes"}) == (attached.source, attached.date, attached.metadata)
    assert 64 == len(attached.content_hash)


def test_attachments_of_one_name_are_numbered() -> None:
    documents = with_attachments(None, [("a.txt", b"one"), ("a.txt", b"two")], 0).documents

    assert [("a.txt", "one"), ("a (2).txt", "two")] == [(document.source, document.text) for document in documents]


def test_pictures_and_empty_files_are_skipped() -> None:
    parsed = with_attachments(None, [("logo.PNG", b"\x89PNG"), ("empty.txt", b"")], 0)

    assert ((), ()) == (parsed.documents, parsed.failed)


def test_a_bad_attachment_is_listed() -> None:
    (failure,) = with_attachments(CONTAINER, [("all.zip", b"PK\x05\x06" + bytes(18))], 0).failed

    assert ("7/all.zip", True) == (failure.source, bool(failure.hint))


def test_files_nested_too_deep_are_refused() -> None:
    (failure,) = with_attachments(None, [("a.txt", b"words")], 4).failed

    assert "nested too deep" in failure.error


def test_at_most_two_hundred_attachments_are_parsed() -> None:
    assert 200 == len(with_attachments(None, [(f"{n}.txt", b"words") for n in range(300)], 0).documents)


@pytest.mark.parametrize(
    ("name", "expected"), [("a/b.txt", "b.txt"), ("C:\\x\\b.txt", "b.txt"), ("", "none"), ("../b", "b"), ("/", "none")]
)
def test_folders_before_a_name_are_removed(name: str, expected: str) -> None:
    assert expected == base_name(name, "none")
