"""What a sync finds new, changed, moved or deleted, and what it keeps when files vanish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import SourceError
from rag.settings import Settings
from rag.sources.parsers import VERSION

from ...torture.world import OwnDirections, open_library, text_of


def sources(library: Library) -> list[str]:
    return [info.source for info in library.documents() if info.state != "failed"]


def test_second_sync_does_nothing(library: Library, folder: Path) -> None:
    """No file is read, embedded or written again."""
    library.sync(folder)
    for path in folder.rglob("*.*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    library.sync(folder)  # times changed: hashed, not embedded
    library._ingest._read_bytes = lambda found: pytest.fail(f"{found.source} was read again")
    report = library.sync(folder)

    assert (3, 0) == (report.unchanged, report.passages)


def test_vanished_documents_are_held(library: Library, folder: Path) -> None:
    """Most of a folder gone at once is not a request to delete; `prune` makes it one."""
    library.sync(folder)
    for name in ("rivers.txt", "towers.md"):
        (folder / name).unlink()
    report = library.sync(folder)
    assert (0, ("rivers.txt", "towers.md")) == (report.removed, report.held)
    assert 3 == len(sources(library))

    assert 2 == library.sync(folder, prune=True).removed


def test_a_missing_folder_removes_nothing(library: Library, folder: Path) -> None:
    """A root that cannot be read is an error, and all documents are kept."""
    library.sync(folder)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(SourceError, match="no folder"):
        library.sync(folder)

    assert 3 == len(sources(library))


def test_one_bad_file_does_not_stop_the_rest(library: Library, folder: Path) -> None:
    """It is listed with its reason, and added once it can be read."""
    (folder / "bad.txt").write_bytes(bytes(range(256)) * 40)
    report = library.sync(folder)
    assert (3, ["bad.txt"]) == (report.added, [failure.source for failure in report.failed])
    assert [("bad.txt", "failed")] == [(i.source, i.state) for i in library.documents() if i.state == "failed"]

    (folder / "bad.txt").write_text("now it is text", "utf-8")
    assert (1, ()) == ((after := library.sync(folder)).added, after.failed)


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """A folder of ten documents, three of them in a subfolder."""
    folder = tmp_path / "ten"
    (folder / "sub").mkdir(parents=True)
    for n in range(10):
        (folder / ("sub" if n > 6 else "") / f"doc{n}").write_text(text_of(f"doc{n}", 1))
    return folder


@pytest.fixture
def synced(tmp_path: Path, ten: Path) -> Iterator[Library]:
    with open_library(tmp_path / "index") as library:
        assert library.sync(ten).added == 10
        yield library


def count(library: Library) -> int:
    return len(library.documents())


def test_an_emptied_folder(synced: Library, ten: Path) -> None:
    """A disk that is not mounted is an empty folder: all is kept, and nothing is embedded again once it is back."""
    ten.rename(ten.with_name("away"))
    ten.mkdir()
    report = synced.sync(ten)
    assert (0, 10, 10) == (report.removed, len(report.held), count(synced))
    assert synced.search("uniquedoc3v1p1")

    ten.rmdir()
    ten.with_name("away").rename(ten)
    report = synced.sync(ten)
    assert (10, 0, ()) == (report.unchanged, report.passages, report.held)


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: folder.rename(folder.with_name("away")),
        lambda folder: (folder.rename(folder.with_name("away")), folder.write_text("a file in its place")),
        lambda folder: (folder.rename(folder.with_name("away")), folder.symlink_to("nowhere")),
        lambda folder: (folder.rename(folder.with_name("away")), folder.symlink_to(folder.name)),
    ],
    ids=["renamed", "a file", "a link to nowhere", "a link to itself"],
)
def test_a_root_that_is_not_there(synced: Library, ten: Path, harm: Callable[[Path], object]) -> None:
    """The error says so, and nothing is removed."""
    harm(ten)
    with pytest.raises(SourceError):
        synced.sync(ten)

    assert count(synced) == 10


@pytest.mark.parametrize(("gone", "held"), [(1, False), (2, False), (3, True), (9, True), (10, True)])
def test_how_many_may_go(synced: Library, ten: Path, gone: int, held: bool) -> None:
    """Up to a fifth is removed at once; more is kept until it is confirmed."""
    for path in sorted(path for path in ten.rglob("doc*"))[:gone]:
        path.unlink()
    report = synced.sync(ten)
    assert ((0, gone) if held else (gone, 0)) == (report.removed, len(report.held))
    assert synced.sync(ten, prune=True).removed == (gone if held else 0)
    assert count(synced) == 10 - gone


def test_the_only_document(tmp_path: Path) -> None:
    """One of one is more than a fifth."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "doc0").write_text(text_of("doc0", 1))
    with open_library(tmp_path / "index") as library:
        library.sync(tmp_path / "one")
        (tmp_path / "one" / "doc0").unlink()
        assert library.sync(tmp_path / "one").held == ("doc0",)


def test_a_subfolder_that_is_not_mounted(synced: Library, ten: Path) -> None:
    """Three of ten at once are kept, in whichever folder they were."""
    shutil.rmtree(ten / "sub")
    assert len(synced.sync(ten).held) == 3
    assert count(synced) == 10


def test_moved_files_are_not_vanished(synced: Library, ten: Path) -> None:
    """Renaming half of a folder is no loss: the same contents exist under new names."""
    for n in range(5):
        (ten / f"doc{n}").rename(ten / f"moved{n}")
    report = synced.sync(ten)
    assert (5, 5, ()) == (report.added, report.removed, report.held)
    assert count(synced) == 10


def test_two_roots_with_the_same_names(synced: Library, ten: Path, tmp_path: Path) -> None:
    """What happens to one does not touch the other."""
    shutil.copytree(ten, tmp_path / "copy")
    (tmp_path / "copy" / "doc0").write_text(text_of("doc0", 2))
    synced.sync(tmp_path / "copy")
    assert count(synced) == 20
    shutil.rmtree(tmp_path / "copy")
    (tmp_path / "copy").mkdir()
    synced.sync(tmp_path / "copy", prune=True)
    assert count(synced) == 10
    assert synced.document("doc0").text == text_of("doc0", 1)


AS_NOBODY = """
import os, sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from rag.errors import SourceError
from tests.torture.world import *
room = Path(sys.argv[2])
ten = room / "ten"
with open_library(Path(sys.argv[3])) as library: library.sync(ten); library.search("warm")
with open_library(room / "index") as library: library.sync(ten)
for path in [room, *room.rglob("*")]: os.chown(path, 65534, 65534) if os.geteuid() == 0 else None
if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)
with open_library(room / "index") as library:
    (ten / "sub").chmod(0)
    report = library.sync(ten)
    print(report.removed, report.held, len(library.documents()))
    (ten / "sub").chmod(0o755); ten.chmod(0)
    try: library.sync(ten)
    except SourceError as error: print(error.hint, len(library.documents()))
    ten.chmod(0o755)
    print(library.sync(ten).unchanged)
"""


@pytest.mark.process
def test_no_permission(ten: Path, tmp_path: Path) -> None:
    """A root or a subfolder that may not be read does not count as empty."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        room = Path(folder) / "room"
        shutil.copytree(ten, room / "ten")
        root = str(Path(__file__).parent.parent.parent)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, root, str(room), str(tmp_path / "warm")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert done.stdout.splitlines() == [
        "0 () 10",
        "check its permissions; nothing was removed from the index 10",
        "10",
    ], done.stderr


@pytest.mark.process
def test_a_disk_that_is_unmounted(tmp_path: Path) -> None:
    """With a real mount: the folder exists and is empty."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        for n in range(4):
            (disk / f"doc{n}").write_text(text_of(f"doc{n}", 1))
        with open_library(tmp_path / "index") as library:
            library.sync(disk)
            subprocess.run(["umount", str(disk)], check=True)
            assert len(library.sync(disk).held) == 4
            assert count(library) == 4
    finally:
        subprocess.run(["umount", "-q", str(disk)], check=False)


@pytest.mark.parametrize("hours", [-30 * 24, -1, 1, 30 * 24])
def test_clocks_that_jump(synced: Library, ten: Path, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """Whatever the clock says, a changed file is noticed, and an unchanged one is not embedded again."""
    now = time.time_ns
    monkeypatch.setattr("rag.index.importing.ingest.time.time_ns", lambda: now() + hours * 3_600_000_000_000)
    assert (10, 0) == ((report := synced.sync(ten)).unchanged, report.passages)
    (ten / "doc0").write_text(text_of("doc0", 2))
    assert synced.sync(ten).updated == 1
    monkeypatch.undo()
    (ten / "doc0").write_text(text_of("doc0", 3))
    assert synced.sync(ten).updated == 1
    assert synced.document("doc0").text == text_of("doc0", 3)


def test_a_change_with_the_old_time_and_size(synced: Library, ten: Path) -> None:
    """The change is noticed even if a program sets the file's time back."""
    path = ten / "doc0"
    os.utime(path, (1_600_000_000, 1_600_000_000))
    synced.sync(ten)
    changed = text_of("doc0", 1).replace("stamped", "changed")
    assert len(changed) == path.stat().st_size
    path.write_text(changed)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert synced.sync(ten).updated == 1
    assert synced.document("doc0").text == changed


def test_what_patterns_leave_out(tmp_path: Path, ten: Path) -> None:
    """`.ragignore`, include and exclude, as git reads them: excluded documents go, and come back with the pattern's end."""
    index = tmp_path / "index"
    with open_library(index) as library:
        library.sync(ten)
        (ten / ".ragignore").write_text("# drafts\nsub/\n!sub/doc9\ndoc1\n")
        report = library.sync(ten)
        left = {info.source for info in library.documents()}
        assert {"sub/doc9", *(f"doc{n}" for n in (0, 2, 3, 4, 5, 6))} == left
        assert (3, ()) == (report.removed, report.held)
        (ten / ".ragignore").write_text("sub/doc7\n")
        assert 2 == library.sync(ten).added
    with Library.open(index, Settings(include="sub/, doc3", exclude="*8"), short_lived=True) as library:
        library.__dict__["_embedder"] = OwnDirections()
        library.sync(ten)
        assert {"doc3", "sub/doc9"} == {info.source for info in library.documents()}
        (ten / ".ragignore").unlink()
        (ten / ".ragignore").mkdir()
        with pytest.raises(SourceError, match="cannot be read"):
            library.sync(ten)


def test_only_what_changed_is_embedded(synced: Library, ten: Path) -> None:
    """Nothing of a renamed file, and only the changed passages of a changed one."""
    embedder = synced._embedder
    embedder.embedded = 0
    (ten / "doc1").rename(ten / "sub" / "renamed.txt")
    report = synced.sync(ten)
    assert (1, 1, 0) == (report.added, report.removed, embedder.embedded)
    assert "renamed.txt" in {hit.source.rpartition("/")[2] for hit in synced.search("doc1 stamped v1w")}

    text = (ten / "doc2").read_text()
    (ten / "doc2").write_text(
        text + "\n\nA paragraph about a lighthouse keeper and her radio was added at the end of this."
    )
    assert 1 == synced.sync(ten).updated
    assert (
        1
        <= embedder.embedded
        <= 2
        < len(synced._catalog.passages.overlapping(synced._catalog.documents.find("doc2"), 0, 10_000))
    )
    ids = [id_ for id_, *_ in synced._catalog.passages.overlapping(synced._catalog.documents.find("doc2"), 0, 10_000)]
    assert len(ids) == len(synced._catalog.vectors.of_passages(ids))
    assert synced.check().problems == ()


def test_documents_of_an_earlier_version_are_read_again(tmp_path: Path) -> None:
    """From their files or kept originals; where these are gone, their blocks are recognised in the text."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "kept.csv").write_text("town,people\nLund,90000\nOslo,700000\n")
    (folder / "gone.txt").write_text("Bring this:\n\n- a tent\n- a lamp\n")
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
        library.add_bytes(b"# Note\n\nThe kettle is made of copper.", "note.md")
        library.add_documents([Document("Rent: 40 euros", "Lease", source="memory")])
        before = {info.source: (info.id, library.document(info.source).blocks) for info in library.documents()}
        catalog = library._catalog
        with catalog.transaction():
            catalog._db.run("UPDATE documents SET parser = '2'")
            catalog._db.run("DELETE FROM blocks")
        (folder / "gone.txt").write_text("Bring nothing.\n")
        (folder / "kept.csv").touch()
        report = library.add_bytes(b"An unrelated note.", "other.txt")
        after = {info.source: (info.id, library.document(info.source).blocks) for info in library.documents()}
        assert {name: after[name] for name in before} == before
        assert (1, 0, 0) == (report.added, report.updated, report.unchanged)
        assert [] == catalog.documents.outdated(VERSION)
        assert ["table", "list", "heading", "pair"] == [
            after[name][1][0].kind for name in ("kept.csv", "gone.txt", "note.md", "memory")
        ]
