"""Uploads: nothing of them stays behind, whatever is cut off or killed, and they never fill the disk."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rag import Library
from rag.index.locks import NamedLock
from rag.server.uploads import UploadSpace, uploads_folder

from ..asking import MULTIPART, Caller, multipart
from ..browsing import Served, served

FILES, SENTENCES = 12, 400


def test_only_complete_uploads_stay(tmp_path: Path) -> None:
    """What was cut off is deleted, but not while other uploads are arriving."""
    space = UploadSpace(tmp_path)
    (tmp_path / "hash").mkdir()
    (tmp_path / "hash" / "complete.txt").write_text("x")
    with space.reserve(1):
        with space.reserve(1):
            (tmp_path / "tmp1").write_text("cut off")
        assert (tmp_path / "tmp1").exists()

    assert [tmp_path / "hash"] == list(tmp_path.iterdir())


def test_uploads_are_refused_when_there_is_no_space(tmp_path: Path) -> None:
    """Counting those that arrive and those that wait; and a part of the disk stays free."""
    space = UploadSpace(tmp_path, max_bytes=100)
    (tmp_path / "hash").mkdir()
    (tmp_path / "hash" / "waiting.txt").write_text("x" * 30)
    with space.reserve(50) as first, space.reserve(21) as too_much, space.reserve(20) as rest:
        assert (True, False, True) == (first, too_much, rest)
    with space.reserve(70) as after, UploadSpace(tmp_path, free_bytes=10**18).reserve(0) as on_a_full_disk:
        assert (True, False) == (after, on_a_full_disk)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def abandoned(folder: Path, age_s: float = 3600) -> Path:
    """Makes what a killed server leaves behind."""
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "tmp1").write_text("secret")
    (folder / "server.lock").touch()
    os.utime(folder / "server.lock", (time.time() - age_s,) * 2)
    return folder


def test_the_folder_is_private_and_deleted(temporary: Path) -> None:
    with uploads_folder() as folder:
        (folder / "upload").write_text("x")
        assert 0o700 == folder.parent.stat().st_mode & 0o777

    assert [] == list(temporary.iterdir())


def test_folders_of_killed_servers_are_deleted(temporary: Path, tmp_path: Path) -> None:
    """Those of running servers and of servers that are starting are not, nor what a link points to."""
    left = abandoned(temporary / "rag-uploads-left")
    running = abandoned(temporary / "rag-uploads-running")
    starting = abandoned(temporary / "rag-uploads-starting", age_s=1)
    other = abandoned(tmp_path / "other")
    (temporary / "rag-uploads-link").symlink_to(other)
    lock = NamedLock(running / "server.lock", "receiving uploads")
    assert lock.try_acquire()
    with uploads_folder():
        pass
    lock.release()

    assert (False, True, True, True) == tuple(folder.exists() for folder in (left, running, starting, other / "files"))


def begin_upload(address: Served, declared: int) -> socket.socket:
    """Sends the beginning of an upload of a declared size."""
    host = urlsplit(address)
    connection = socket.create_connection((host.hostname or "", host.port or 0), timeout=30)
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Length: {declared}\r\n"
    connection.sendall(f"{head}Content-Type: {MULTIPART}\r\n\r\n".encode())
    connection.sendall(multipart({"cut.txt": "private words " * 10_000})[:-20])
    return connection


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def stored(temporary: Path) -> list[Path]:
    return [path for path in temporary.rglob("rag-uploads-*/files/**/*") if path.is_file()]


def test_folders_of_another_user_are_left_alone(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = abandoned(temporary / "rag-uploads-theirs")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with uploads_folder():
        pass

    assert theirs.exists()


@pytest.mark.page
def test_an_upload_that_is_cut_off_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "seeds").mkdir()
    with served(tmp_path, TMPDIR=str(temporary)) as address:
        connection = begin_upload(address, 500_000)
        until(lambda: any(path.stat().st_size for path in stored(temporary)))
        connection.close()
        until(lambda: not stored(temporary))
        many = [begin_upload(address, 590_000_000) for _ in range(6)]  # more than may arrive at once
        assert b"507" in many[-1].recv(100)
        for connection in many:
            connection.close()
        until(lambda: not stored(temporary))


@pytest.mark.page
def test_a_server_killed_during_uploads_loses_nothing_that_it_reported(tmp_path: Path, temporary: Path, full: bool) -> None:
    """Killed while files arrive and are added, again and again: the next server has each added file whole, and no other."""
    (tmp_path / "seeds").mkdir()
    added: set[str] = set()
    for round_ in range(30 if full else 2):
        for folder in temporary.glob("rag-uploads-*"):  # the next server takes it for an old one
            os.utime(folder / "server.lock", (0, 0))
        texts = {
            f"r{round_}-{n}.txt": "".join(f"Otter {n} of round {round_} slept on day {k}. " for k in range(SENTENCES))
            for n in range(FILES)
        }
        with served(tmp_path, TMPDIR=str(temporary)) as address:
            assert len(list(temporary.glob("rag-uploads-*"))) == 1
            caller, begun = Caller(address), begin_upload(address, 500_000)
            _, paths = caller.upload(texts)
            wanted = 1 + round_ % (FILES - 1)

            def reported(text: str, wanted: int = wanted, round_: int = round_) -> bool:
                """Notes the files that the page has reported as added, and returns whether these are enough."""
                names = set(re.findall(rf"(r{round_}-\d+\.txt)[^.]{{0,80}}1 added", html.unescape(text)))
                added.update(names)
                return len(names) >= wanted

            result = caller.add(json.loads(paths), reported)
            os.kill(address.pid, signal.SIGKILL)
            assert not result.whole
            begun.close()
        with Library.open(tmp_path / "index", short_lived=True) as library:
            assert library.check().problems == ()
            sources = {info.source for info in library.documents()}
            assert wanted <= len(added & set(texts)) < FILES
            assert added <= sources
            for name in sources & set(texts):
                assert texts[name].strip() == library.document(name).text.strip()
