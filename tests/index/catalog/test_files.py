"""Roots, scans, removed names and kept originals."""

from __future__ import annotations

from dataclasses import replace

from rag.index.catalog import Catalog
from rag.index.records import FileSeen

SEEN = FileSeen(source="a.txt", size=3, mtime_ns=10, ctime_ns=11, scanned_ns=12, content_hash="ab")


def test_a_root_has_one_id(catalog: Catalog) -> None:
    """By kind and path; roots are listed by path."""
    b, a = catalog.files.root_id("sync", "/b"), catalog.files.root_id("sync", "/a")
    url = catalog.files.root_id("url", "")

    assert b == catalog.files.root_id("sync", "/b")
    assert 3 == len({a, b, url})
    assert [(a, "/a"), (b, "/b")] == catalog.files.roots("sync")


def test_scans_are_recorded_replaced_and_forgotten(catalog: Catalog) -> None:
    """Each root has its own."""
    root, other = catalog.files.root_id("sync", "/a"), catalog.files.root_id("sync", "/b")
    catalog.files.record_scans(root, [SEEN, replace(SEEN, source="b.txt")])
    catalog.files.record_scans(root, [replace(SEEN, size=4)])

    assert {"a.txt": replace(SEEN, size=4), "b.txt": replace(SEEN, source="b.txt")} == catalog.files.scans(root)
    assert {} == catalog.files.scans(other)

    catalog.files.forget_scans(root, ["a.txt", "unknown"])
    assert ["b.txt"] == list(catalog.files.scans(root))


def test_failed_files_are_found_and_tried_again(catalog: Catalog) -> None:
    """Without its content hash, the next scan takes a failed file for a changed one."""
    root = catalog.files.root_id("sync", "/a")
    failed = replace(SEEN, source="bad.txt", error="not text", hint="convert it")
    catalog.files.record_scans(root, [SEEN, failed])

    assert [(root, "bad.txt")] == catalog.files.failed("bad.txt")
    assert [] == catalog.files.failed("a.txt")

    catalog.files.retry_failed()
    assert {"a.txt": "ab", "bad.txt": ""} == {name: seen.content_hash for name, seen in catalog.files.scans(root).items()}


def test_removed_names_are_known_but_not_stored(catalog: Catalog) -> None:
    """A removed file stays out of its own root until it is allowed again."""
    root, other = catalog.files.root_id("sync", "/a"), catalog.files.root_id("sync", "/b")
    assert not catalog.files.has_removed(root)

    catalog.files.mark_removed(root, "secret.txt")
    catalog.files.mark_removed(root, "secret.txt")

    assert [True, False] == [catalog.files.is_removed(root_id, "secret.txt") for root_id in (root, other)]
    ((name,),) = catalog._db.query("SELECT name FROM forgotten")
    assert (16, False) == (len(name), b"secret" in name)

    catalog.files.allow_again(root, ["secret.txt"])
    assert not catalog.files.has_removed(root)


def test_marks_of_names_that_no_longer_exist_are_dropped(catalog: Catalog) -> None:
    """A later file of such a name is a different file."""
    root = catalog.files.root_id("sync", "/a")
    for name in ("there.txt", "gone.txt"):
        catalog.files.mark_removed(root, name)

    catalog.files.prune_removed(root, {"there.txt", "new.txt"})

    assert [True, False] == [catalog.files.is_removed(root, name) for name in ("there.txt", "gone.txt")]


def test_an_original_is_kept_once(catalog: Catalog) -> None:
    """By its content hash; an unknown hash has none."""
    catalog.files.keep_original("ab", b"\0bytes")
    catalog.files.keep_original("ab", b"never stored: the hash is the same")

    assert [b"\0bytes", None] == [catalog.files.original("ab"), catalog.files.original("cd")]
