"""Several processes that use one index agree with a dictionary, whatever they do and whichever of them dies."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from rag.index.indexed_text import embedded_text

from .desk import do
from .world import PARAGRAPHS, PASSAGE_TOKENS, Expected, open_library, text_of, verify

pytestmark = pytest.mark.process

DESK = Path(__file__).with_name("desk.py")
NAMES = st.sampled_from([f"doc{n}" for n in range(6)])
PUT = st.sampled_from([f"put{n}" for n in range(3)])


class Desk:
    """A process that keeps the index open, as a page does."""

    def __init__(self, index: Path) -> None:
        self.index = index
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(DESK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.ask("open", index=str(self.index))

    def ask(self, what: str, **given: object) -> object:
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the desk died at {what!r}"
        reply = json.loads(line)
        assert "error" not in reply, reply
        return reply["answer"]

    def crash(self) -> None:
        self.end()
        self._start()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Command:
    """Opens the index, does one thing and closes it, as a `rag` command does; runs in this process."""

    def __init__(self, index: Path, passage_tokens: int = PASSAGE_TOKENS) -> None:
        self.index = index
        self.passage_tokens = passage_tokens

    def ask(self, what: str, **given: object) -> object:
        with open_library(self.index, passage_tokens=self.passage_tokens) as library:
            return json.loads(json.dumps(do(library, what, dict(given))))


class Together(RuleBasedStateMachine):
    """Random operations of a page, and of commands that run at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "documents").mkdir()
        self.files: dict[str, str] = {}  # what is in the folder
        self.model: dict[str, str] = {}  # what the index must contain: source → text
        self.forgotten: set[str] = set()
        self.titles: dict[str, set[str]] = {}  # text → the titles that it has had; a renamed document keeps its vectors
        self.versions = 0
        self.desk = Desk(self.folder / "index")
        self.command = Command(self.folder / "index")

    def teardown(self) -> None:
        self.desk.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _actor(self, at_desk: bool) -> Desk | Command:
        return self.desk if at_desk else self.command

    @initialize()
    def begin(self) -> None:
        self.desk.ask("sync", folder=str(self.folder / "documents"))

    @rule(name=NAMES)
    def write(self, name: str) -> None:
        self.versions += 1
        self.files[name] = text_of(name, self.versions)
        (self.folder / "documents" / name).write_text(self.files[name])

    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        if name in self.files and name != to:
            self.files[to] = self.files.pop(name)
            (self.folder / "documents" / name).rename(self.folder / "documents" / to)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if self.files.pop(name, None) is not None:
            (self.folder / "documents" / name).unlink()

    @rule(at_desk=st.booleans())
    def sync(self, at_desk: bool) -> None:
        self._actor(at_desk).ask("sync", folder=str(self.folder / "documents"))
        self.forgotten &= set(self.files)
        kept = {name: text for name, text in self.model.items() if name.startswith("put")}
        self.model = kept | {name: text for name, text in self.files.items() if name not in self.forgotten}
        for name, text in self.model.items():
            self.titles.setdefault(text, set()).add(name if name.startswith("put") else name.capitalize())

    @rule(at_desk=st.booleans(), name=PUT)
    def put(self, at_desk: bool, name: str) -> None:
        self.versions += 1
        self.model[name] = text_of(name, self.versions)
        self.titles[self.model[name]] = {name}
        self._actor(at_desk).ask("put", name=name, text=self.model[name])

    @precondition(lambda self: self.model)
    @rule(at_desk=st.booleans(), data=st.data())
    def remove(self, at_desk: bool, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        assert self._actor(at_desk).ask("remove", name=name) == 1
        del self.model[name]
        if name.startswith("doc"):
            self.forgotten.add(name)

    @rule()
    def fill(self) -> None:
        self.desk.ask("fill")

    @rule(tokens=st.sampled_from([PASSAGE_TOKENS, PASSAGE_TOKENS + 2]))
    def reindex(self, tokens: int) -> None:
        Command(self.folder / "index", tokens).ask("reindex")

    @rule()
    def crash(self) -> None:
        self.desk.crash()

    @rule()
    def reopen(self) -> None:
        self.desk.ask("open", index=str(self.folder / "index"))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def find(self, data: st.DataObject) -> None:
        """By words, by vector, with a filter, and not in an older version, from both processes."""
        name = data.draw(st.sampled_from(sorted(self.model)))
        text = self.model[name]
        paragraph = text.split("\n\n")[data.draw(st.integers(0, PARAGRAPHS - 1))].strip()
        word = paragraph.split()[3]
        embedded = [embedded_text(title, "", paragraph) for title in self.titles[text]]
        for actor in (self.desk, self.command):
            hits = actor.ask("search", question=word, sources=[name])
            assert [name, paragraph] in hits
            assert {hit[1] for hit in hits} <= set(map(str.strip, text.split("\n\n")))
            assert [name] in [actor.ask("nearest", text=text) for text in embedded]

    @invariant()
    def all_agree(self) -> None:
        assert self.desk.ask("ls") == self.model
        assert self.command.ask("ls") == self.model


def test_random_operations_agree_with_a_dictionary(full: bool, seed: int) -> None:
    """A page and commands at the same time: add, change, rename, delete, sync, remove, reindex, crash, reopen, search."""
    from hypothesis import seed as seeded

    machine = seeded(seed)(Together)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=1000 if full else 20, stateful_step_count=50 if full else 30, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        ),
    )  # fmt: skip


def rag(room: Path, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "RAG_STATE": str(room / "state"), "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen([sys.executable, "-m", "rag.cli", *words], cwd=room, env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def test_a_page_and_commands_beside_it(tmp_path: Path, full: bool, seed: int) -> None:
    """The real page follows its folder while rag ask, add, sync, eval and backup run, several at a time."""
    chooser = random.Random(seed)
    documents = tmp_path / "documents"
    documents.mkdir()
    (tmp_path / "rag.toml").write_text('documents = "documents"\n')
    versions = {f"doc{n}": 1 for n in range(12)}
    for name in versions:
        (documents / name).write_text(text_of(name, 1))
    (tmp_path / "set.yaml").write_text("- {question: 'Where is doc1?', answers: ['stamped']}\n")
    page = rag(tmp_path, "ui", "--port", "0")
    assert "http://" in page.stdout.readline()
    try:
        ends = time.monotonic() + (600 if full else 40)
        rounds = 0
        while time.monotonic() < ends:
            rounds += 1
            changed = chooser.sample(sorted(versions), 3)
            for name in changed:
                versions[name] += 1
                (documents / name).write_text(text_of(name, versions[name]))
            extra = tmp_path / f"extra{rounds % 3}.txt"
            extra.write_text(text_of(f"extra{rounds}", 1))
            name = changed[0]
            jobs = [
                ["sync", "--json"], ["add", str(extra), "--json"],
                ["search", f"unique{name}v{versions[name]}p2", "--json", "--source", name],
                *chooser.sample([["ask", "What is stamped?", "--json"], ["eval", "set.yaml", "--json"], ["ls", "--json"],
                                 ["backup", f"backup{rounds}"], ["doctor", "--json"]], 2),
            ]  # fmt: skip
            running = [(job, rag(tmp_path, *job)) for job in jobs]
            for job, process in running:
                out, errors = process.communicate(timeout=120)
                assert process.returncode == 0, (job, process.returncode, errors, out[-500:])
            # A new command finds what the ended commands acknowledged, and nothing that was replaced.
            found = json.loads(rag(tmp_path, "search", f"unique{name}v{versions[name]}p1", "--source", name, "--json")
                               .communicate(timeout=60)[0])  # fmt: skip
            assert f"unique{name}v{versions[name]}p1" in " ".join(hit["text"] for hit in found["hits"])
            assert {f"v{versions[name]}w"} == {word for hit in found["hits"] for word in hit["text"].split() if
                                               word.startswith("v") and word.endswith("w")}  # fmt: skip
        assert page.poll() is None
        print(rounds, "rounds")
    finally:
        page.terminate()
        _, said = page.communicate(timeout=30)
    assert "Traceback" not in said
    assert json.loads(rag(tmp_path, "doctor", "--json").communicate(timeout=60)[0])["problems"] == []


def test_importing_processes_take_turns(tmp_path: Path, full: bool) -> None:
    """Three processes import at the same time: all documents of all of them are there."""
    for round_ in range(20 if full else 3):
        expected: dict[str, Expected] = {}
        running = []
        index = tmp_path / f"index{round_}"
        for n in range(3):
            folder = tmp_path / f"folder{round_}-{n}"
            folder.mkdir()
            for m in range(10):
                name = f"doc{n}x{m}"
                (folder / name).write_text(text_of(name, 1))
                expected[name] = Expected.of(1)
            program = (
                "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
                "from tests.torture.world import *\n"
                "with open_library(Path(sys.argv[2]), short_lived=sys.argv[4] == '0') as library:\n"
                "    library.sync(Path(sys.argv[3])); library.search('river')\n"
            )
            root = str(Path(__file__).parent.parent.parent)
            command = [sys.executable, "-c", program, root, str(index), str(folder), str(n)]
            running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        for process in running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
        with open_library(index) as library:
            verify(library, expected)
