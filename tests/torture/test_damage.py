"""Damage to any file of an index is detected: right answers or a named error, never a crash, a hang or a wrong answer."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag import Library
from rag.errors import IndexDamagedError, RagError

from .world import STAMP, Expected, open_library, text_of, verify

pytestmark = pytest.mark.process

NAMES = [f"doc{n}" for n in range(40)]
PROBE = Path(__file__).with_name("probe.py")
_MOST_S = 20.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 40 documents, all in Chroma, closed normally."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "documents").mkdir()
    for name in NAMES:
        (folder / "documents" / name).write_text(text_of(name, 1))
    with open_library(folder / "index") as library:
        library.sync(folder / "documents")
        library.sync_vectors()
    return folder / "index"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, copied while open: its last changes are only in the write-ahead log."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "documents").mkdir()
    for name in NAMES:
        (folder / "documents" / name).write_text(text_of(name, 1))
    with open_library(folder / "open") as library:
        library.sync(folder / "documents")
        (folder / "documents" / "doc0").write_text(text_of("doc0", 2))
        library.sync(folder / "documents")
        shutil.copytree(folder / "open", folder / "index")
    assert (folder / "index" / "catalog.sqlite3-wal").stat().st_size > 0
    return folder / "index"


def flipped(path: Path, chooser: random.Random) -> str:
    data = bytearray(path.read_bytes())
    at = chooser.randrange(len(data))
    data[at] ^= 1 << chooser.randrange(8)
    path.write_bytes(data)
    return f"bit of byte {at} of {path.name}"


def cut(path: Path, chooser: random.Random) -> str:
    kept = int(path.stat().st_size * chooser.choice([0, 0.5, 0.99]))
    os.truncate(path, kept)
    return f"{path.name} cut to {kept}"


def missing(path: Path, chooser: random.Random) -> str:
    path.unlink()
    return f"{path.name} removed"


def zeroed(path: Path, chooser: random.Random) -> str:
    data = bytearray(path.read_bytes())
    at = chooser.randrange(max(1, len(data) - 512))
    data[at : at + 512] = bytes(len(data[at : at + 512]))
    path.write_bytes(data)
    return f"512 bytes at {at} of {path.name} zeroed"


HARMS: list[Callable[[Path, random.Random], str]] = [flipped, cut, missing, zeroed]


def answers(index: Path) -> dict[str, object]:
    """Returns everything that a reader can see: texts, hits, lists."""
    with open_library(index) as library:
        texts = {name: library.document(name).text for name in NAMES}
        hits = [
            [(h.source, h.start, h.end, h.text, h.score, h.title) for h in library.search(question, 10)]
            for question in ("river stone winter", "uniquedoc7v1p2", "stamped silver island", "doc3")
        ]
        listed = [(info.source, info.characters, info.passages, info.title) for info in library.documents()]
    return {"texts": texts, "hits": hits, "listed": listed}


@pytest.mark.parametrize("state", ["whole", "killed"])
def test_a_damaged_catalog_is_never_answered_from(
    state: str, request: pytest.FixtureRequest, tmp_path: Path, full: bool, seed: int
) -> None:
    """Bits flipped, files truncated, zeroed, removed: right answers, or an error with a hint; a backup restores."""
    index: Path = request.getfixturevalue(state)
    chooser = random.Random(f"{seed} {state}")
    reference = tmp_path / "reference"
    shutil.copytree(index, reference)
    with open_library(reference) as library:
        library.back_up(tmp_path / "backup")
    right = answers(reference)
    files = sorted(path.name for path in index.iterdir() if path.name.startswith("catalog."))
    outcomes = {"right": 0, "named": 0}
    for n in range(200 if full else 60):
        broken = tmp_path / f"broken{n}"
        shutil.copytree(index, broken)
        # Most of a catalog is in its main file, so most of the damage is done there.
        name = chooser.choice([*files, "catalog.sqlite3", "catalog.sqlite3"])
        what = chooser.choice([flipped, flipped, *HARMS])(broken / name, chooser)
        try:
            assert answers(broken) == right, f"wrong answers after: {what} (seed {seed}, run {n})"
            outcomes["right"] += 1
        except IndexDamagedError as error:
            assert "restore" in error.hint, what
            outcomes["named"] += 1
            Library.restore(tmp_path / "backup", broken)
            assert answers(broken) == right, f"not restored after: {what}"
        shutil.rmtree(broken)
    print(outcomes)

    assert outcomes["named"] > 10


def test_a_lost_log_is_seen(killed: Path, tmp_path: Path) -> None:
    """Without its write-ahead log, SQLite would show an older state; `doctor --repair` accepts that state."""
    shutil.copytree(killed, tmp_path / "index")
    (tmp_path / "index" / "catalog.sqlite3-wal").unlink()
    with pytest.raises(IndexDamagedError, match=r"lost its latest changes|missing") as raised:
        open_library(tmp_path / "index")
    assert "doctor --repair" in raised.value.hint

    with open_library(tmp_path / "index", accept_data_loss=True) as library:
        health = library.check(repair=True)
        assert (1, ()) == (len(health.repaired), health.problems)
        library.sync(killed.parent / "documents")
        expected = {name: Expected.of(1) for name in NAMES} | {"doc0": Expected.of(2)}
        verify(library, expected)
    with open_library(tmp_path / "index") as library:
        verify(library, expected)


@pytest.mark.parametrize("lost", [1, 4_000, 8_192, 20_000])
def test_a_catalog_cut_at_its_end(whole: Path, tmp_path: Path, lost: int) -> None:
    """SQLite reads the missing bytes as zeros, which have no checksum."""
    shutil.copytree(whole, tmp_path / "index")
    path = tmp_path / "index" / "catalog.sqlite3"
    os.truncate(path, path.stat().st_size - lost)
    with pytest.raises(IndexDamagedError):
        open_library(tmp_path / "index")


def test_another_file_in_its_place(whole: Path, tmp_path: Path) -> None:
    """Chroma's SQLite file, another index's catalog and a text file are not accepted as the catalog."""
    (chroma,) = whole.rglob("chroma.sqlite3")
    with open_library(tmp_path / "other") as library:
        library.sync(whole.parent / "documents")
    (tmp_path / "text").write_text("not a catalog " * 1000)
    for n, foreign in enumerate((chroma, tmp_path / "other" / "catalog.sqlite3", tmp_path / "text")):
        index = tmp_path / f"index{n}"
        shutil.copytree(whole, index)
        shutil.copy(foreign, index / "catalog.sqlite3")
        before = (index / "catalog.sqlite3").read_bytes()
        with pytest.raises(IndexDamagedError):
            open_library(index)
        assert n == 1 or before == (index / "catalog.sqlite3").read_bytes()


def test_a_damaged_chroma_costs_nothing(whole: Path, tmp_path: Path, full: bool, seed: int) -> None:
    """In any of its files: answers are exact at once, nothing crashes or hangs, and Chroma is rebuilt."""
    chooser = random.Random(seed)
    harms = [flipped] * 50 + [cut, missing, zeroed] * 10 if full else [flipped] * 6 + [cut, missing, zeroed] * 2
    for n, harm in enumerate(harms):
        index = tmp_path / f"index{n}"
        shutil.copytree(whole, index)
        files = sorted(path for path in (index / "chroma").rglob("*") if path.is_file())
        what = [harm(path, chooser) for path in [chooser.choice([path for path in files if path.stat().st_size])]]
        if chooser.random() < 0.2:
            one, other = chooser.sample([path for path in files if path.exists()], 2)
            one.rename(index / "swap"), other.rename(one), (index / "swap").rename(other)
            what.append(f"{one.name} and {other.name} swapped")
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(PROBE), str(index)], capture_output=True, text=True, timeout=3 * _MOST_S, check=False
        )
        assert done.returncode == 0, (what, seed, n, done.stderr[-2000:])
        report = json.loads(done.stdout)
        assert report["slowest_s"] < _MOST_S, (what, report)
        assert (report["wrong"], report["problems"]) == ([], []), (what, seed, n)
        assert report["overlap"] >= 0.99, (what, report["overlap"])
        assert time.monotonic() - begun < 3 * _MOST_S
        shutil.rmtree(index)


def test_damage_that_appears_while_it_is_open(whole: Path, tmp_path: Path, seed: int) -> None:
    """A page of the catalog that changes under a running process is an error when it is read, not an answer."""
    shutil.copytree(whole, tmp_path / "index")
    chooser = random.Random(seed)
    with open_library(tmp_path / "index") as library:
        library.document("doc0")
        path = tmp_path / "index" / "catalog.sqlite3"
        data = path.read_bytes()
        at = data.index(b"uniquedoc20v1p1")
        with path.open("r+b") as file:
            file.seek(at + chooser.randrange(10))
            file.write(b"#")
        try:
            text = library.document("doc20").text
            assert STAMP.search(text)
            assert text == text_of("doc20", 1)
        except RagError as error:
            assert isinstance(error, IndexDamagedError), error


def test_a_backup_is_of_one_moment(whole: Path, tmp_path: Path, full: bool) -> None:
    """Every backup taken while another process imports is valid and restores a consistent state."""
    shutil.copytree(whole, tmp_path / "index")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from tests.torture.world import *\n"
        "documents = Path(sys.argv[3])\n"
        "with open_library(Path(sys.argv[2])) as library:\n"
        "    for version in range(2, 1000):\n"
        "        for n in range(40): (documents / f'doc{n}').write_text(text_of(f'doc{n}', version))\n"
        "        library.sync(documents); print(version, flush=True)\n"
    )
    documents = tmp_path / "documents"
    shutil.copytree(whole.parent / "documents", documents)
    root = Path(__file__).parent.parent.parent
    importing = subprocess.Popen(
        [sys.executable, "-c", program, str(root), str(tmp_path / "index"), str(documents)], stdout=subprocess.PIPE
    )
    try:
        importing.stdout.readline()
        for n in range(20 if full else 4):
            with open_library(tmp_path / "index") as library:
                library.back_up(tmp_path / f"backup{n}")
            restored = tmp_path / f"restored{n}"
            Library.restore(tmp_path / f"backup{n}", restored)
            with open_library(restored) as library:
                # The import's root is another one, so each document may exist twice.
                assert library._catalog.problems() == []
                for info in library.documents():
                    document = library.document(str(Path(info.root, info.source)))
                    version = int(STAMP.search(document.text).group(2))
                    assert document.text == text_of(info.source, version)
        with pytest.raises(RagError, match=r"importing|has .* open"):  # between two imports, the catalog is only open
            Library.restore(tmp_path / "backup0", tmp_path / "index")
    finally:
        importing.send_signal(signal.SIGKILL)
        importing.communicate()


def test_a_backup_is_not_restored_under_others(whole: Path, tmp_path: Path) -> None:
    """A process that has the index open would continue with the old file: the restore is refused and changes nothing."""
    shutil.copytree(whole, tmp_path / "index")
    program = (
        "import sys, time; from rag import Library; l = Library.open(sys.argv[1]); print(1, flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "index")], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        with open_library(tmp_path / "index") as library:
            library.back_up(tmp_path / "backup")
        with pytest.raises(RagError, match=r"has .* open"):
            Library.restore(tmp_path / "backup", tmp_path / "index")
    finally:
        other.kill()
        other.communicate()
    Library.restore(tmp_path / "backup", tmp_path / "index")
    with open_library(tmp_path / "index") as library:
        verify(library, {name: Expected.of(1) for name in NAMES})
