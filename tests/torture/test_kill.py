"""An index survives being killed at any point: what was acknowledged is complete, and work continues."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .worker import COMMIT, POINTS
from .world import Expected, OwnDirections, open_library, text_of, verify

pytestmark = pytest.mark.process

WORKER = Path(__file__).with_name("worker.py")
ROUNDS = 10  # kills of one index


class Room:
    """A folder of documents with an index, and the versions that were acknowledged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.acknowledged: dict[str, int] = {}
        (folder / "documents").mkdir(parents=True)
        with open_library(folder / "index") as library:
            library.sync(folder / "documents")

    def run(self, seed: str, point: str, nth: int, after_s: float | None) -> bool:
        """Runs a worker that changes the index; returns whether it was killed."""
        (self.folder / "state.json").write_text(json.dumps(self.acknowledged))
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(self.folder), seed, point, str(nth), "14"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        said: list[dict] = []
        for line in worker.stdout:
            said.append(json.loads(line))
            if after_s is not None and "ready" in said[-1]:
                time.sleep(after_s)
                worker.kill()
        _, errors = worker.communicate(timeout=120)
        killed = worker.returncode == -signal.SIGKILL
        assert killed or worker.returncode == 0, errors
        self.check(said)
        return killed

    def check(self, said: list[dict]) -> None:
        """Checks that the index has what was acknowledged; a document being changed has its old or its new version."""
        trying: dict[str, int] = {}
        for line in said:
            trying = line.get("trying", trying)
            if "acknowledged" in line:
                self.acknowledged.update(line["acknowledged"])
                trying = {}
        expected = {name: Expected.of(version) for name, version in self.acknowledged.items()}
        for name, version in trying.items():
            expected[name] = Expected.of(self.acknowledged.get(name, 0), version)
        with open_library(self.folder / "index") as library:
            there = verify(library, expected)
        # The next sync does what the worker did not reach, and nothing twice.
        for name, version in trying.items():
            there[name] = version
            path = self.folder / "documents" / name
            path.write_text(text_of(name, version)) if version else path.unlink(missing_ok=True)
        with open_library(self.folder / "index") as library:
            for name in [n for n, v in trying.items() if not v and there.get(n) is not None]:
                if name in {info.source for info in library.documents()}:
                    library.remove(name)
            # By name: a sync alone would keep out files that were removed by hand and then added again.
            library.add(*(self.folder / "documents" / name for name, version in trying.items() if version))
            library.sync(self.folder / "documents", prune=True)
            self.acknowledged = {name: version for name, version in there.items() if version}
            verify(library, {name: Expected.of(version) for name, version in self.acknowledged.items()})

    def check_chroma(self) -> None:
        """Checks that Chroma agrees with the catalog once it is filled."""
        with open_library(self.folder / "index", short_lived=False) as library:
            deadline = time.monotonic() + 20
            while not library._vector_search.try_open() and time.monotonic() < deadline:
                time.sleep(0.05)  # a child that outlived its parent is still finishing
            health = library.check(repair=True)
            assert (health.problems, health.waiting) == ((), 0)
            assert health.vectors_in_chroma == health.passages
            verify(library, {name: Expected.of(version) for name, version in self.acknowledged.items()})


def test_killed_at_any_point(tmp_path: Path, full: bool, seed: int) -> None:
    """At named points and random times, during adds, changes, removals, syncs and reindexing; ten kills for each index."""
    chooser = random.Random(seed)
    wanted = 500 if full else 40
    killed = runs = 0
    seen: dict[str, int] = {}
    points: list[str] = []
    room = Room(tmp_path / "room0")
    while killed < wanted:
        if not points:  # each named point once, and half as many random times
            points = [*POINTS, COMMIT, *["-"] * (len(POINTS) // 2)]
            chooser.shuffle(points)
        point = points.pop()
        if runs and runs % ROUNDS == 0:
            room.check_chroma()
            shutil.rmtree(room.folder)
            room = Room(tmp_path / f"room{runs}")
        after_s = chooser.uniform(0, 0.8) if point == "-" else None
        try:
            was_killed = room.run(f"{seed} {runs}", point, chooser.randint(1, 6), after_s)
        except AssertionError as error:
            error.add_note(f"seed {seed}, run {runs}, at {point!r}; the index is kept in {room.folder}")
            raise
        runs += 1
        killed += was_killed
        seen[point] = seen.get(point, 0) + was_killed
    room.check_chroma()
    print(f"{killed} kills in {runs} runs: {seen}")


def test_a_killed_sync_goes_on(tmp_path: Path, full: bool, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one batch is embedded twice; what was acknowledged is not embedded again."""
    monkeypatch.setattr("rag.index.importing.batch_writer.TOGETHER", 16)
    chooser = random.Random(seed)
    for tree in range(30 if full else 5):
        documents = tmp_path / f"tree{tree}"
        documents.mkdir()
        names = [f"doc{n}" for n in range(40)]
        for name in names:
            (documents / name).write_text(text_of(name, 1))
        index = tmp_path / f"index{tree}"
        embedded = passages = 0
        stop_at = chooser.randint(10, 120)

        class Killed(BaseException):
            """Stands for the end of the process: no code after it runs."""

        class Mortal(OwnDirections):
            def embed(self, texts, *, stop_at=stop_at):
                if self.embedded + len(texts) > stop_at:
                    raise Killed
                return super().embed(texts)

        library = open_library(index)
        library.__dict__["_embedder"] = mortal = Mortal()
        with pytest.raises(Killed):
            library.sync(documents)
        library._catalog.close()
        embedded += mortal.embedded
        with open_library(index) as library:
            passages = library.sync(documents).passages + 0
            embedded += library._embedder.embedded
            total = library._catalog.versions.current().passages
            assert library.sync(documents).passages == 0
            verify(library, {name: Expected.of(1) for name in names})

        assert passages <= total
        assert total <= embedded <= total + 16
