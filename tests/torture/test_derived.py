"""Chroma is derived from the catalog: whatever it does at whatever call, every command ends as if it had worked."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

FAULTS = [f"{how}:{at}" for how in ("slow", "silent", "dead") for at in (0, 1, 2, 3, "close")]
COMMANDS = [
    ["sync", "documents"], ["add", "more.txt"], ["search", "copper kettle"], ["ask", "What is the kettle made of?"],
    ["ls"], ["doctor"], ["doctor", "--repair"], ["reindex"], ["compact"], ["backup", "copy.sqlite3"],
    ["eval", "set.jsonl"], ["show", "more.txt"], ["rm", "more.txt"],
]  # fmt: skip


def rag(room: Path, command: list[str], fault: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TESTS_CHROMA": fault} if fault else dict(os.environ)
    return subprocess.run(
        [sys.executable, "-m", "rag.cli", "--index", "index", *command],
        cwd=room, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents and an index of some of them, whose Chroma is filled."""
    room = tmp_path_factory.mktemp("derived")
    (room / "documents").mkdir()
    for n in range(5):
        (room / "documents" / f"{n}.txt").write_text(f"The kettle number {n} is made of copper and holds {n} litres.")
    (room / "set.jsonl").write_text(json.dumps({"question": "What is the kettle made of?", "answers": ["copper"]}))
    assert 0 == rag(room, ["sync", "documents"]).returncode
    (room / "more.txt").write_text("The ladle is made of tin.")
    (room / "documents" / "1.txt").write_text("The kettle number 1 is made of iron now.")
    return room


def test_no_command_depends_on_chroma(room: Path, tmp_path: Path, full: bool, request: pytest.FixtureRequest) -> None:
    """Each command, in turn, ends with the same code and the same answer while Chroma is slow, silent or dead."""
    chooser = random.Random(request.config.getoption("--seed"))
    faults = FAULTS if full else chooser.sample(FAULTS, 2)
    expected = {}
    healthy = shutil.copytree(room, tmp_path / "healthy")
    for command in COMMANDS:
        expected[" ".join(command)] = rag(healthy, command)
    assert {0} == {done.returncode for done in expected.values()}, [(n, d.stderr) for n, d in expected.items()]
    for fault in faults:
        place = shutil.copytree(room, tmp_path / fault.replace(":", "-"))
        for command in COMMANDS:
            done = rag(place, command, fault)
            where = f"{fault}: rag {' '.join(command)}\n{done.stdout}{done.stderr}"
            assert 0 == done.returncode, where
            assert "Traceback" not in done.stderr, where
            if command[0] in ("search", "ask", "show"):
                assert expected[" ".join(command)].stdout == done.stdout, where
        assert 0 == rag(place, ["doctor"]).returncode
        answer = json.loads(rag(place, ["ask", "What is the kettle number 1 made of?", "--json"]).stdout)
        assert "iron" in answer["answer"]
