"""The commands for managing documents, run as processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rag import Library
from rag.errors import SourceError

from ..conftest import ARTICLE
from .command import FORMATS, QUESTION, checked, checked_lines, environment, rag

pytestmark = pytest.mark.process


def test_add_sync_refresh_and_remove(room: Path) -> None:
    """Each command reports what it changed, as text and as JSON."""
    assert 1 == checked(rag(room, "sync", "--json"), "sync")["added"]
    (room / "note.txt").write_text("A note.", "utf-8")
    assert 1 == checked(rag(room, "add", "note.txt", "--json"), "sync")["added"]
    piped = rag(room, "add", "-", "--name", "piped.md", "--json", stdin="# Piped\n\nText.")
    assert 1 == checked(piped, "sync")["added"]
    assert 0 == checked(rag(room, "refresh", "--json"), "sync")["added"]
    assert "1 unchanged" in rag(room, "sync").stdout

    assert {"removed": 1} == checked(rag(room, "rm", "note.txt", "--json"), "rm")
    assert "removed 1 document\n" == rag(room, "rm", "piped.md").stdout


def test_versions_of_a_document_are_listed(room: Path) -> None:
    """The newest first; also those that a search merges; an unknown name is an error."""
    text = (
        "# Travel policy, version {n}\n\nIn force from 1 April 202{n}.\n\nA night in a hotel may cost {n}10 euros.\n\n"
        "Breakfast is paid by the traveller.\n\nBook the first class for long trips.\n"
    )
    for n in (3, 1, 2):
        (room / f"policy{n}.md").write_text(text.format(n=n), "utf-8")
    (room / "copy.md").write_text(text.format(n=2), "utf-8")
    rag(room, "add", "policy1.md", "policy2.md", "policy3.md", "copy.md")

    listed = checked(rag(room, "ls", "--versions-of", "policy2.md", "--json"), "ls")
    assert [("policy3.md", "2023-04-01"), ("copy.md", "2022-04-01"), ("policy1.md", "2021-04-01")] == [
        (info["source"], info["date"]) for info in listed
    ]
    (room / "note.txt").write_text("Herons nest in the old mill.", "utf-8")
    rag(room, "add", "note.txt")
    assert "no other document is a version" in rag(room, "ls", "--versions-of", "note.txt").stderr
    assert 0 != rag(room, "ls", "--versions-of", "nothing.md").returncode


def test_a_folder_without_documents_gets_a_hint(room: Path) -> None:
    (room / "empty").mkdir()
    (room / "empty" / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    for command in ("add", "sync"):
        first, second = rag(room, command, "empty").stdout.splitlines()
        assert first.startswith("found no documents (check the path")
        assert "skipped 1 file without text (images, archives, programs)" == second
    assert rag(room, "refresh").stdout.startswith("the index has no web pages; add one with:")


def test_ls(room: Path) -> None:
    """The list is printed as text, as one JSON array, or as one JSON line per document."""
    (room / "seeds" / "empty.txt").touch()
    rag(room, "sync")
    rows = checked(rag(room, "ls", "--json"), "ls")

    assert {ARTICLE.name, "empty.txt"} == {row["source"] for row in rows}
    assert rows == checked_lines(rag(room, "ls", "--jsonl").stdout, "ls-line")
    failed = checked_lines(rag(room, "ls", "--failed", "--jsonl").stdout, "ls-line")
    assert ["empty.txt"] == [row["source"] for row in failed]


def test_show_is_byte_for_byte(room: Path) -> None:
    """`rag show` prints exactly the text that offsets refer to."""
    rag(room, "sync")
    done = rag(room, "show", ARTICLE.name)

    assert ARTICLE.read_text("utf-8") == done.stdout


def test_show_blocks(room: Path) -> None:
    """A line for each part, indented below the part that contains it, and a line for each row of a table."""
    (room / "list.md").write_text("# Camp\n\nBring this:\n\n1. a tent\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    rag(room, "add", "list.md")

    assert [
        "heading 1  0–6  # Camp",
        "list  8–30  Bring this: 1. a tent",
        "  lead-in  8–19  Bring this:",
        "  item 1 1  21–30  1. a tent",
        "table 1  32–61  | a | b | |---|---| | 1 | 2 |",
        "  header  32–41  | a | b |",
        "  row  52–61  | 1 | 2 |",
    ] == rag(room, "show", "list.md", "--blocks").stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "anchor"),
    [
        (ARTICLE.name, None),
        ("outline.pdf", {"name": "p. 2", "page": 2, "counts": "", "first": 1}),
        ("squares.xlsx", {"name": "sheet testing", "page": None, "counts": "row", "first": 1}),
    ],
)
def test_show_as_json(room: Path, name: str, anchor: dict | None) -> None:
    """The JSON includes anchors for pages and sheets, each with the offset at which its page or sheet begins."""
    if anchor:
        shutil.copy(FORMATS / name, room / "seeds")
    rag(room, "sync")
    shown = checked(rag(room, "show", name, "--json"), "show")
    text = rag(room, "show", name).stdout

    assert (text, name) == (shown["text"], shown["source"])
    assert bool(anchor) == bool(shown["anchors"])
    if anchor:
        assert anchor in [{key: value for key, value in one.items() if key != "start"} for one in shown["anchors"]]
        assert all(0 <= one["start"] < len(text) for one in shown["anchors"])


def test_verify(room: Path) -> None:
    """Each citation in a saved answer is reported with its state."""
    (room / "answer.json").write_text(rag(room, "ask", QUESTION, "--json").stdout, "utf-8")
    done = rag(room, "verify", "answer.json", "--json")
    piped = rag(room, "verify", "-", stdin=(room / "answer.json").read_text("utf-8"))

    assert {"unchanged"} == {citation["state"] for citation in checked(done, "verify")["citations"]}
    assert (0, True) == (piped.returncode, "unchanged" in piped.stdout)


def test_bad_files_are_listed(room: Path) -> None:
    """Unreadable files are listed, and the exit code is 3; the other files are added."""
    (room / "seeds" / "junk.txt").write_bytes(bytes(range(256)) * 40)
    (room / "seeds" / "empty.txt").touch()
    (room / "seeds" / "with\nnewline 🙂.txt").write_text("Newlines in names are odd.", "utf-8")
    os.symlink("loop", room / "seeds" / "loop")
    os.symlink(".", room / "seeds" / "self")
    os.symlink("/etc/passwd", room / "seeds" / "out.txt")
    done = rag(room, "sync")
    assert 3 == done.returncode
    assert "junk.txt: it is not text" in done.stderr
    assert "empty.txt: the file is empty" in done.stderr
    assert "2 added" in done.stdout

    listed = json.loads(rag(room, "ls", "--json").stdout)
    assert {"with\nnewline 🙂.txt", ARTICLE.name, "junk.txt", "empty.txt"} == {row["source"] for row in listed}
    assert "4 documents: 2 ready, 2 unreadable" in rag(room, "ls").stderr
    assert "root:" not in rag(room, "search", "root").stdout


def test_removed_documents_are_not_found(room: Path) -> None:
    """A removed document is no longer found, even though its file is still in the folder."""
    rag(room, "sync")
    assert 0 == rag(room, "rm", ARTICLE.name).returncode
    done = rag(room, "ask", QUESTION)

    assert "rare earth" not in done.stdout


AS_NOBODY = """
import os, sys
from pathlib import Path
from rag import Library
from rag.sources.parser_process import Parser
room = Path(sys.argv[1])
with Library.open(room / "warm", short_lived=True) as library:
    library.sync(room / "open")  # loads all modules while this process can still read them
    library.check()
parser = Parser()
parser.parse(b"words", "a.txt")  # starts its child, for the same reason
locked = room / "seeds" / "locked.txt"
if os.geteuid() == 0:  # root may read everything, so continue as a user who may not
    for path in [room, *room.rglob("*")]:
        os.chown(path, 65534, 65534)
    os.setuid(65534)
with Library.open(room / "index", short_lived=True) as library:
    library.__dict__["_parser"] = parser
    locked.chmod(0)
    first = library.sync(room / "seeds")
    locked.chmod(0o600)
    second = library.sync(room / "seeds")
    print([f.error for f in first.failed], first.added, second.added, [f.error for f in second.failed])
"""


def test_no_permission(tmp_path: Path) -> None:
    """A file without read permission is listed and does not stop the others; once it is readable, it is added."""
    for name in ("seeds/locked.txt", "seeds/plain.txt", "open/any.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"The text of {name}.", "utf-8")
    # Not inside pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder) / "room"
        shutil.copytree(tmp_path, room)
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(room)], capture_output=True, text=True, timeout=60, check=False
        )

    assert done.stdout == "['no permission to read it'] 1 1 []\n", done.stderr


def test_progress_as_json(tmp_path: Path) -> None:
    """With --json, progress goes to stderr, one JSON object per line, and only the report goes to stdout."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(300):
        (folder / f"{n}.txt").write_text(f"The ferry number {n} carries {n * 3} people to the island of Hven. " * 12)
    command = [sys.executable, "-m", "rag.cli", "--index", str(tmp_path / "index"), "sync", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert 300 == json.loads(done.stdout)["added"]
    lines = checked_lines(done.stderr, "import-progress")
    assert lines
    assert {"source", "files", "of", "passages", "found", "rate", "seconds_left"} == set(lines[0])
    assert {300} == {line["of"] for line in lines}
    assert sorted(line["passages"] for line in lines) == [line["passages"] for line in lines]


def test_watch_prints_a_line_for_each_change(room: Path) -> None:
    """A line is printed for the first sync and for each later change in the folder; Ctrl-C ends the command."""
    command = [sys.executable, "-m", "rag.cli", "watch", "--json"]
    child = subprocess.Popen(
        command, cwd=room, env=environment(room), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout
    first = child.stdout.readline()
    time.sleep(1)
    (room / "seeds" / "note.txt").write_text("A note.", "utf-8")
    second = child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)

    assert [1, 1] == [report["added"] for report in checked_lines(first + second, "watch-line")]
    assert 130 == child.returncode


def test_other_addresses_are_named_as_such(tmp_path: Path) -> None:
    """An address that rag cannot fetch is reported as unsupported, not as a missing file."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        for address in ("ftp://example.org/a.txt", "file:///etc/passwd", "s3://bucket/key"):
            with pytest.raises(SourceError, match="not supported"):
                library.add(address)
