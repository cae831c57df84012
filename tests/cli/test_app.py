"""The command line, as a process: contracts, exit codes, one clear line for every mistake."""

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

import jsonschema
import pytest

from rag import Library
from rag.errors import SourceError

from .. import model_server as fake
from ..conftest import ARTICLE

pytestmark = pytest.mark.process

SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "schemas"
QUESTION = "What did India raise with Sun Weidong?"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A working folder with the article and a rag.toml."""
    (tmp_path / "seeds").mkdir()
    shutil.copy(ARTICLE, tmp_path / "seeds")
    (tmp_path / "rag.toml").write_text('documents = "seeds"\n', "utf-8")
    return tmp_path


def rag(room: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    env = {**kept, "RAG_STATE": str(room / "state"), "PYTHONWARNINGS": "ignore", **environment}
    done = subprocess.run([sys.executable, "-m", "rag.cli", *words], cwd=room, env=env,
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout
    return done


def checked(done: subprocess.CompletedProcess[str], schema: str) -> dict:
    value = json.loads(done.stdout)
    jsonschema.validate(value, json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8")))
    return value


def test_ask(room: Path, article: str) -> None:
    """The first user's question: answered at once, with citations right to the character."""
    done = rag(room, "ask", QUESTION)
    assert 0 == done.returncode
    assert "rare earth restrictions" in done.stdout
    assert "[1] india-raises-rare-earth-curbs-with-china.txt, characters 0–266" in done.stdout
    assert "" == done.stderr

    answer = checked(rag(room, "ask", QUESTION, "--json"), "ask")
    assert "answered" == answer["status"]
    for citation in answer["citations"]:
        assert article[citation["start"] : citation["end"]] == citation["quote"]


def test_abstaining_is_no_failure(room: Path) -> None:
    """Exit code 0, the refusal, and what comes closest."""
    done = rag(room, "ask", "Who is the president of Brazil?")

    assert 0 == done.returncode
    assert done.stdout.startswith("Your documents don't answer this.\n\nClosest:")


def test_every_json_keeps_its_schema(room: Path) -> None:
    """search, why, add, sync, ls, doctor."""
    assert checked(rag(room, "search", "magnets", "--json"), "search")["hits"]
    assert "cited" == checked(rag(room, "why", QUESTION, "--expect", "Sun Weidong", "--json"), "why")["stage"]
    assert 1 == checked(rag(room, "sync", "--json"), "sync")["unchanged"]
    (room / "note.txt").write_text("A note.", "utf-8")
    assert 1 == checked(rag(room, "add", "note.txt", "--json"), "sync")["added"]
    assert 2 == len(checked(rag(room, "ls", "--json"), "ls"))
    assert [] == checked(rag(room, "doctor", "--json"), "doctor")["problems"]


def test_show_is_byte_for_byte(room: Path) -> None:
    """What offsets count in."""
    rag(room, "sync")
    done = rag(room, "show", ARTICLE.name)

    assert ARTICLE.read_text("utf-8") == done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ask", ""], 1, "the question is empty"),
        (["ask", "x" * 100_000], 1, "100,000 characters"),
        (["add", "nowhere.txt"], 1, "cannot be read"),
        (["sync", "nowhere"], 1, "no folder"),
        (["show", "nowhere.txt"], 1, "no document"),
        (["rm", "nowhere.txt"], 1, "no document"),
        (["eval", "nowhere.yaml"], 1, "cannot be read"),
        (["ask", "x", "--since", "yesterday"], 1, "not a date"),
        (["frobnicate"], 2, "No such command"),
        (["ask"], 2, "Missing argument"),
        (["ask", "x", "-k", "0"], 2, "-k"),
        (["--index", "/dev/null/x", "ls"], 4, "cannot be made"),
        (["ui", "--host", "0.0.0.0"], 1, "there is no account"),
    ],
)
def test_mistakes(room: Path, words: list[str], code: int, said: str) -> None:
    """One clear line and a hint on stderr, nothing on stdout, the right exit code."""
    done = rag(room, *words)

    assert code == done.returncode
    assert said in done.stderr
    assert "" == done.stdout
    assert 2 >= len(done.stderr.strip().splitlines())


def test_bad_files_are_listed(room: Path) -> None:
    """Exit code 3: the rest is in."""
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
    assert "4 documents: 2 ready, 2 not read" in rag(room, "ls").stderr
    assert "root:" not in rag(room, "search", "root").stdout


def test_an_empty_folder(tmp_path: Path) -> None:
    """It says so, and abstains."""
    (tmp_path / "seeds").mkdir()
    (tmp_path / "rag.toml").write_text('documents = "seeds"\n', "utf-8")
    done = rag(tmp_path, "ask", QUESTION)

    assert 0 == done.returncode
    assert "there are no documents yet" in done.stderr
    assert "Your documents don't answer this." in done.stdout


def test_a_missing_folder(room: Path) -> None:
    """Answers from what is there, and says that it could not look."""
    rag(room, "sync")
    (room / "seeds").rename(room / "moved")
    done = rag(room, "ask", QUESTION)

    assert "no folder 'seeds'" in done.stderr.replace(str(room) + "/", "")
    assert "rare earth" in done.stdout


def test_terminal_escapes_do_not_pass(room: Path) -> None:
    """A document cannot steer the terminal."""
    (room / "seeds" / "evil\x1b[2J.txt").write_text(
        "The password of the vault\x1b]0;owned\x07 is \x9b31mswordfish.", "utf-8"
    )
    for words in (["ask", "What is the password of the vault?"], ["search", "vault password"], ["ls"]):
        done = rag(room, *words)
        assert "swordfish" in done.stdout or words == ["ls"]
        assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout + done.stderr)


def test_settings_and_where_they_come_from(room: Path) -> None:
    """Flags over environment over rag.toml; keys masked."""
    done = rag(room, "--model", "none", "config", "--json", RAG_K="5", OPENAI_API_KEY="sk-canary0123456789")
    value = json.loads(done.stdout)

    assert {"value": 5, "from": "RAG_K"} == value["k"]
    assert {"value": "seeds", "from": "rag.toml"} == value["documents"]
    assert {"value": "none", "from": "--model"} == value["model"]
    assert "canary" not in done.stdout


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('documnets = "seeds"', "did you mean 'documents'"),
        ("k = 0", "at least 1"),
        ('k = "many"', "must be a whole number"),
        ("not toml", "cannot be read"),
        ('api_key = "sk-x"', "keep keys in the environment"),
        ('base_url = "file:///etc/passwd"', "http"),
    ],
)
def test_bad_settings(room: Path, toml: str, said: str) -> None:
    """Named, with what would be right."""
    (room / "rag.toml").write_text(toml, "utf-8")
    done = rag(room, "ask", "x")

    assert 1 == done.returncode
    assert said in done.stderr


def test_a_found_file_sends_nothing_unasked(room: Path) -> None:
    """A rag.toml that names a host is asked about once."""
    with fake.model_server(fake.says("India raised rare earths [1].")) as server:
        (room / "rag.toml").write_text(f'documents = "seeds"\nmodel = "m"\nbase_url = "{server.url}"\n', "utf-8")
        refused = rag(room, "ask", QUESTION)
        assert (1, []) == (refused.returncode, server.requests)
        assert "--trust" in refused.stderr

        assert "India raised rare earths" in rag(room, "--trust", "ask", QUESTION).stdout
        assert "India raised rare earths" in rag(room, "ask", QUESTION).stdout
        assert 2 == len(server.requests)


def test_a_wrong_key_degrades(room: Path) -> None:
    """The answer is quoted instead, with a plain notice, and the key is not repeated."""
    key = "sk-canary0123456789abc"
    with fake.model_server(fake.fails(401, f"bad key {key}")) as server:
        done = rag(room, "--model", "m", "--base-url", server.url, "ask", QUESTION, OPENAI_API_KEY=key)

    assert 0 == done.returncode
    assert "refused the key" in done.stderr
    assert "rare earth restrictions" in done.stdout
    assert key not in done.stdout + done.stderr


def test_forgetting(room: Path) -> None:
    """A document that was removed is found no more, though its file is still in the folder."""
    rag(room, "sync")
    assert 0 == rag(room, "rm", ARTICLE.name).returncode
    done = rag(room, "ask", QUESTION)

    assert "rare earth" not in done.stdout


AS_NOBODY = """
import os, sys
from pathlib import Path
from rag import Library
room = Path(sys.argv[1])
with Library.open(room / "warm", short_lived=True) as library:
    library.sync(room / "open")  # loads all modules while they can still be read
    library.check()
locked = room / "seeds" / "locked.txt"
if os.geteuid() == 0:  # root may read everything, so be somebody who may not
    for path in [room, *room.rglob("*")]:
        os.chown(path, 65534, 65534)
    os.setuid(65534)
with Library.open(room / "index", short_lived=True) as library:
    locked.chmod(0)
    first = library.sync(room / "seeds")
    locked.chmod(0o600)
    second = library.sync(room / "seeds")
    print([f.error for f in first.failed], first.added, second.added, [f.error for f in second.failed])
"""


def test_no_permission(tmp_path: Path) -> None:
    """A file that may not be read is listed, and stops no other; once it may, it is taken in."""
    for name in ("seeds/locked.txt", "seeds/plain.txt", "open/any.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"The text of {name}.", "utf-8")
    # Not below pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder) / "room"
        shutil.copytree(tmp_path, room)
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(room)], capture_output=True, text=True, timeout=60, check=False
        )

    assert done.stdout == "['no permission to read it'] 1 1 []\n", done.stderr


def test_ctrl_c_keeps_what_was_acknowledged(room: Path) -> None:
    """Exit code 130; the next sync goes on."""
    for n in range(400):
        (room / "seeds" / f"{n}.txt").write_text(f"Note {n}. " + f"It tells of thing {n} and of much else. " * 30, "utf-8")
    command = [sys.executable, "-m", "rag.cli", "sync"]
    child = subprocess.Popen(command, cwd=room, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not json.loads(rag(room, "ls", "--json").stdout):
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    done = json.loads(rag(room, "ls", "--json").stdout)

    assert 130 == child.returncode
    assert "interrupted" in said
    assert 0 < len(done)
    report = json.loads(rag(room, "sync", "--json").stdout)
    assert 401 == report["added"] + report["unchanged"]
    assert len(done) == report["unchanged"]


@pytest.mark.process
def test_progress_as_json(tmp_path: Path) -> None:
    """With --json, how far an import is goes to stderr, a JSON object a line; stdout has the report alone."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(300):
        (folder / f"{n}.txt").write_text(f"The ferry number {n} carries {n * 3} people to the island of Hven. " * 12)
    command = [sys.executable, "-m", "rag.cli", "--index", str(tmp_path / "index"), "sync", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert 300 == json.loads(done.stdout)["added"]
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert told
    assert {"source", "files", "of", "passages", "found", "rate", "seconds_left"} == set(told[0])
    assert {300} == {line["of"] for line in told}
    assert sorted(line["passages"] for line in told) == [line["passages"] for line in told]


def test_other_addresses_are_named_as_such(tmp_path: Path) -> None:
    """An address that is not fetched is no missing file."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        for address in ("ftp://example.org/a.txt", "file:///etc/passwd", "s3://bucket/key"):
            with pytest.raises(SourceError, match="not fetched"):
                library.add(address)
