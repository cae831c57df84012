"""No name and no number leads out of the library: dropped files, values that a program sends, addresses of documents."""

from __future__ import annotations

import json
import random
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from .asking import Caller, uploaded
from .browsing import Served, fetch, served
from .conftest import ARTICLE
from .web_server import running

pytestmark = pytest.mark.page

SECRET = "canary-7f3a-of-a-file-that-nobody-named"
TARGETS = ["etc/passwd", "secret.txt", "index/catalog.sqlite3", "seeds/planted.txt", "evil.html", ".ssh/authorized_keys"]
BEFORE = ["../", "../../", "../" * 12, "..\\", "..\\" * 8, "/", "//", "///", "C:\\", "\\\\server\\share\\", "....//",
          "..;/", "..%2f", "%2e%2e/", "..%252f", "..%c0%af", ".\u2215..\u2215", "\u202e../", "./../", "a/../../",
          "file:///", "~/", "~root/", "$HOME/", "`id`/", "nul\t../", "..\n../"]  # fmt: skip
ODD = [".", "..", "...", "-", "--help", "-rf", "CON", "nul.txt", "a" * 300, "\u00e9" * 200, " ", ".hidden", "a b;rm -rf x",
       "$(id).txt", "'; DROP TABLE documents; --", "x\r\ny.txt", "<b>.txt", "%00.txt", "|id", "\ufeff.txt",
       "\U0001f9a6" * 80]  # fmt: skip


@pytest.fixture(scope="module")
def names(request: pytest.FixtureRequest) -> list[str]:
    """Names that want out: all, or as many as there is time for."""
    every = [before + target for before in BEFORE for target in TARGETS] + ODD
    assert len(every) > 150
    whole = request.config.getoption("--full")
    return every if whole else random.Random(request.config.getoption("--seed")).sample(every, 80)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("escapes")
    (outside / "secret.txt").write_text(SECRET, "utf-8")
    (outside / "room" / "seeds").mkdir(parents=True)
    shutil.copy(ARTICLE, outside / "room" / "seeds")
    return outside / "room"


@pytest.fixture(scope="module")
def address(room: Path) -> Iterator[Served]:
    with served(room) as served_at:
        _, path = drop(Caller(served_at), "left behind.txt", "x")
        served_at.uploads = Path(path).parent.parent
        assert 0o700 == served_at.uploads.stat().st_mode & 0o777
        yield served_at
    assert not served_at.uploads.exists()  # what was dropped and not taken in goes with the server


def there(room: Path) -> set[str]:
    """Every file around the room but those of the index and of what the server says."""
    return {
        str(path)
        for path in room.parent.rglob("*")
        if path.is_file() and "index" not in path.relative_to(room.parent).parts
    }


def drop(caller: Caller, name: str, text: str) -> tuple[int, str]:
    """(status, path) of a file dropped under a name that is sent as it is."""
    status, said = caller.upload({name: text})
    return status, json.loads(said)[0] if status == 200 else said


def take_in(caller: Caller, path: str) -> str:
    return caller.add([path]).conversation


def test_names_of_dropped_files(address: Served, room: Path, names: list[str]) -> None:
    """Whatever a file is called, it lies in its own folder until it is taken in, and is then listed by a plain name."""
    before, caller = there(room), Caller(address)
    for n, name in enumerate(names):
        status, path = drop(caller, name, f"Dropped file number {n} is about otters.")
        if status != 200:
            continue
        assert Path(path).resolve().parent.parent == address.uploads
        assert ".." not in Path(path).parts
        take_in(caller, path)
        assert not Path(path).exists()
    assert before == there(room)
    listed = fetch_list(room)
    assert len(listed) > 10
    assert all("/" not in source and "\\" not in source and ".." != source for source in listed)


def fetch_list(room: Path) -> list[str]:
    from rag import Library

    with Library.open(room / "index", short_lived=True) as library:
        return [info.source for info in library.documents()]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "/etc/hostname", "../secret.txt", "seeds/../../secret.txt", "index/catalog.sqlite3",
        "/proc/self/environ", "/proc/self/cwd/said.txt", "file:///etc/passwd", "~/.ssh/id_rsa", "", ".", "/", "\0", "/tmp",
        "said.txt", "UPLOADS/../../etc/passwd", "UPLOADS", "UPLOADS/..", "EVIL", "EVIL.svg",
    ],
)  # fmt: skip
def test_paths_that_were_never_dropped(address: Served, room: Path, path: str) -> None:
    """A program that sends a path or an address in place of what it dropped gets nothing taken in, deleted or fetched."""
    caller = Caller(address)
    _, dropped = drop(caller, f"own {zlib.crc32(path.encode())}.txt", f"Something of its own, {path!r}.")
    with running() as evil:
        wanted = path.replace("EVIL", evil.url("/x")).replace("UPLOADS", str(Path(dropped).parent.parent))
        wanted = str(room / wanted) if wanted.startswith(("../", "seeds/", "index/", "said")) else wanted
        before, documents = there(room), len(fetch_list(room))
        said = take_in(caller, wanted)
        # Whatever else takes a value: a conversation that the browser kept, a question.
        said += caller.call("do-talk", "change", [uploaded(wanted), None, None, 0]).conversation
        said += caller.call("question", "submit", [uploaded(wanted), 0, None, None, None, None, "", ""]).conversation
        assert [] == evil.asked
    assert documents == len(fetch_list(room))
    assert before == there(room)
    assert SECRET not in said
    assert "root:" not in said
    take_in(caller, dropped)
    assert documents < len(fetch_list(room))  # what was dropped is taken in


def test_values_a_program_makes_up(address: Served, names: list[str]) -> None:
    """Words for the script's boxes, sets to run, conversations to open: what is not offered is not looked up."""
    caller = Caller(address)
    for name in names[:20]:
        for elem_id, event, data in (
            ("do-document", "change", [f"delete {name}", [name]]),
            ("do-document", "change", [name, None]),
            ("do-again", "change", [f"retry {name}", None, None, None, None, "", ""]),
            ("do", "change", [f"copy {name}", None]),
            ("do-talk", "change", [f"{name} 1", None, None, 0]),
            ("run-set", "click", [name, None]),
            ("run-set", "click", [None, {"path": name, "meta": {"_type": "gradio.FileData"}}]),
        ):
            said = caller.call(elem_id, event, data).conversation
            assert SECRET not in said
            assert "root:" not in said


def test_addresses_of_documents(address: Served, names: list[str]) -> None:
    """A document is asked for by its number; a name is none."""
    for name in names:
        for path in (f"/documents/{quote(name, safe='')}", f"/documents/1/pages/{quote(name)}", f"/runs/{quote(name)}",
                     f"/static/{quote(name)}", f"/assets/{quote(name)}"):  # fmt: skip
            reply = fetch(address, path)
            assert reply.status in (400, 403, 404, 422), path
            assert SECRET not in reply.body
