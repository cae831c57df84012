"""A full, read-only or failing disk, or too few file handles: a named error, and nothing acknowledged is lost.

strace makes system calls on the index's files fail one after the other, in real processes.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .world import Expected, open_library, text_of, verify

pytestmark = pytest.mark.process

ACTOR = Path(__file__).with_name("actor.py")
CALLS = {"pwrite64": ["ENOSPC", "EIO"], "pread64": ["EIO"], "fdatasync,fsync": ["EIO", "ENOSPC"],
         "openat": ["EMFILE", "ENOSPC"], "write": ["ENOSPC"], "ftruncate": ["EIO"], "unlink": ["EIO"],
         "fcntl": ["ENOLCK"], "rename": ["EIO"]}  # fmt: skip


def can_inject() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = ["strace", "-qq", "-o", os.devnull, "-e", "inject=getppid:error=EIO", "true"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


class Room:
    """An index of six documents at a fixed path, which can be reset."""

    def __init__(self, folder: Path) -> None:
        self.index, self.documents, self._kept = folder / "index", folder / "documents", folder / "kept"
        self.documents.mkdir()
        for n in range(6):
            (self.documents / f"doc{n}").write_text(text_of(f"doc{n}", 1))
        with open_library(self.index) as library:
            library.sync(self.documents)
            library.sync_vectors()
        self._kept.mkdir()
        for part in (self.index, self.documents):
            shutil.copytree(part, self._kept / part.name)

    def renew(self) -> None:
        for part in (self.index, self.documents):
            shutil.rmtree(part)
            shutil.copytree(self._kept / part.name, part)

    def act(self, *before: str, chroma: bool = False, limit: Callable[[], None] | None = None) -> dict[str, object]:
        """Runs the actor under a program or a limit that makes it fail; returns its report."""
        command = [*before, sys.executable, str(ACTOR), str(self.index), str(self.documents), *["chroma"] * chroma]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stderr[-2000:]
        report: dict[str, object] = json.loads(lines[-1])
        assert report["fault"] == "", report["fault"]
        return report

    def check(self, acknowledged: dict[str, int], why: str) -> None:
        """Checks that everything acknowledged is there, and that the next run completes the rest."""
        expected = {f"doc{n}": Expected.of(1) for n in range(6)}
        expected |= {"doc1": Expected.of(1, 2), "doc2": Expected.of(1, 0), "new": Expected.of(0, 1)}
        expected |= {name: Expected.of(version) for name, version in acknowledged.items()}
        try:
            with open_library(self.index) as library:
                verify(library, expected)
            if acknowledged.get("doc2") != 0:
                again = self.act()
                assert again["error"] in ("", "SourceError")  # doc2 may be removed without an acknowledgement
                with open_library(self.index) as library:
                    verify(library, expected | {name: Expected.of(v) for name, v in again["acknowledged"].items()})
        except AssertionError as error:
            error.add_note(why)
            raise

    def watched(self) -> list[str]:
        names = ["catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm", "catalog.receipt", "import.lock",
                 "import.holder.json"]  # fmt: skip
        paths = [*(self.index / name for name in names), *(p for p in (self.index / "chroma").rglob("*") if p.is_file())]
        return [word for path in paths for word in ("-P", str(path))]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_each_system_call_fails_once(room: Room, full: bool, seed: int, tmp_path: Path) -> None:
    """The first, the second, … of each kind: once, or every one from then on."""
    if not can_inject():
        pytest.skip("strace is not installed, or may not trace here")
    chooser = random.Random(seed)
    points = []
    for calls, errors in CALLS.items():
        log = tmp_path / "calls"
        room.act("strace", "-f", "-qq", "-o", str(log), *room.watched(), "-e", f"trace={calls}")
        count = len(log.read_text().splitlines())
        room.renew()
        points += [(calls, error, nth) for error in errors for nth in range(1, count + 1)]
    assert len(points) >= 300
    if not full:
        points = chooser.sample(points, 40)
    ended: dict[str, int] = {}
    for calls, error, nth in points:
        when = f"{nth}{chooser.choice(['', '+'])}"
        injected = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}"]
        said = room.act("strace", "-f", "-qq", "-o", os.devnull, *room.watched(), *injected)
        room.check(said["acknowledged"], f"{calls} {when} failed with {error} (seed {seed})")
        ended[said["error"] or "done"] = ended.get(said["error"] or "done", 0) + 1
        room.renew()
    print(len(points), "points:", ended)

    assert ended.get("StorageError", 0) > len(points) // 4


def test_chroma_on_a_failing_disk(room: Room, full: bool, seed: int) -> None:
    """The scan answers when Chroma cannot write or read."""
    if not can_inject():
        pytest.skip("strace is not installed, or may not trace here")
    chooser = random.Random(seed)
    for _ in range(40 if full else 4):
        nth = chooser.randint(1, 60)
        injected = ["-e", f"inject=pwrite64,write,ftruncate,fsync,fdatasync:error=ENOSPC:when={nth}+"]
        chroma = [word for word in room.watched() if word == "-P" or "/chroma/" in word]
        paths = [word for word in chroma if word != "-P"]
        assert paths, "Chroma has no files to fail on"
        watched = [word for path in paths for word in ("-P", path)]
        said = room.act("strace", "-f", "-qq", "-o", os.devnull, *watched, *injected, chroma=True)
        assert said["error"] == "", said
        room.check(said["acknowledged"], f"Chroma's writes failed from {nth} on (seed {seed})")
        with open_library(room.index, short_lived=False) as library:
            library.sync_vectors()
            health = library.check()
            assert (health.problems, health.vectors_in_chroma) == ((), health.passages)
        room.renew()


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)],
                             capture_output=True, check=False)  # fmt: skip
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    """An import that fills it ends with a named error; acknowledged documents are there; with more space, it continues."""
    documents = tmp_path / "documents"
    documents.mkdir()
    names = [f"doc{n}" for n in range(3000)]
    for name in names:
        (documents / name).write_text(text_of(name, 1))
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from tests.torture.world import *; from rag.errors import StorageError\n"
        "try:\n"
        "    with open_library(Path(sys.argv[2])) as library: library.sync(Path(sys.argv[3]))\n"
        "except StorageError as error: print(error)\n"
    )
    root = str(Path(__file__).parent.parent.parent)
    with small_disk(tmp_path / "disk", 8):
        index = tmp_path / "disk" / "index"
        command = [sys.executable, "-c", program, root, str(index), str(documents)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert "is full" in done.stdout, done.stdout + done.stderr
        with open_library(index) as library:
            there = {info.source for info in library.documents()}
            assert 100 < len(there) < len(names)
            assert library.search("river stone")
        shutil.copytree(index, tmp_path / "roomy")
    with open_library(tmp_path / "roomy") as library:
        report = library.sync(documents)
        assert (report.unchanged, report.added) == (len(there), len(names) - len(there))
        assert library._catalog.problems() == []


@pytest.mark.parametrize(
    ("kind", "limits"),
    [(resource.RLIMIT_FSIZE, (50_000, 200_000, 300_000)), (resource.RLIMIT_NOFILE, (6, 7, 8, 9, 10))],
    ids=["size", "handles"],
)
def test_limits_of_the_system(room: Room, kind: int, limits: tuple[int, ...]) -> None:
    """Limited file size, no more handles: a named error, nothing lost."""
    for n in range(60):
        (room.documents / f"more{n}").write_text(text_of(f"more{n}", 1))
    errors = set()
    for limit in limits:
        command = [sys.executable, str(ACTOR), str(room.index), str(room.documents)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False,
            preexec_fn=lambda limit=limit: resource.setrlimit(kind, (limit, limit)),
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if lines:  # with too few handles, Python itself may not start
            report = json.loads(lines[-1])
            assert report["fault"] == "", (limit, report["fault"])
            errors.add(report["error"])
    for n in range(60):
        (room.documents / f"more{n}").unlink()
    with open_library(room.index) as library:
        library.sync(room.documents, prune=True)
    room.check({}, f"{kind} {limits}")

    assert errors & {"StorageError", "OSError"}


AS_NOBODY = """
import os, sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from rag.errors import RagError
from tests.torture.world import *
with open_library(Path(sys.argv[3])) as library: library.search("warm")  # loads modules while they can be read
index = Path(sys.argv[2])
for path in [index, *index.rglob("*")]: path.chmod(0o555 if path.is_dir() else 0o444)
if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)
def search(library): library.search("river")
def add(library): library.add_documents([Document("x y z", "X", source="x")])
for work in (search, add):
    try:
        with open_library(index) as library: work(library)
        print("done")
    except RagError as error: print(type(error).__name__, error.hint)
"""


def test_read_only(room: Room, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A read-only index is reported as such and left as it is."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        index = Path(folder) / "index"
        shutil.copytree(room.index, index)
        before = {path: path.read_bytes() for path in index.rglob("*") if path.is_file()}
        root = str(Path(__file__).parent.parent.parent)
        program = AS_NOBODY.replace("from pathlib", "from rag import Document\nfrom pathlib", 1)
        done = subprocess.run(
            [sys.executable, "-c", program, root, str(index), str(tmp_path_factory.mktemp("warm") / "index")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        after = {path: path.read_bytes() for path in index.rglob("*") if path.is_file()}

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["StorageError", "StorageError"], done.stdout
    assert "permissions" in done.stdout
    assert before == after
