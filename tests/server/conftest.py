"""Servers for the tests: one for this machine only, one that requires login."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ..browsing import Reply, fetch, served
from ..conftest import ARTICLE

USER, PASSWORD = "jane", "correct horse battery"
QUESTION = "What did India raise with Sun Weidong?"  # the article answers it


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a server, with one document."""
    room = tmp_path_factory.mktemp("server")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    return room


@pytest.fixture(scope="module")
def address(room: Path) -> Iterator[str]:
    """A server that only this machine can reach."""
    with served(room) as served_at:
        yield served_at


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that other machines can reach, with an account."""
    room = tmp_path_factory.mktemp("guarded")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    command = [sys.executable, "-m", "rag.cli", "account", USER, "--password-stdin"]
    subprocess.run(command, cwd=room, input=PASSWORD + "\n", text=True, check=True, capture_output=True, timeout=60)
    with served(room, "--host", "0.0.0.0", "--name", "rag.example") as served_at:
        yield served_at.replace("0.0.0.0", "127.0.0.1")
    assert (
        "other machines on the network can reach the web interface and log in as 'jane'" in (room / "said.txt").read_text()
    )


def login(address: str, user: str = USER, password: str = PASSWORD) -> Reply:
    """Submits the login form."""
    form = f"user={quote(user)}&password={quote(password)}"
    return fetch(address, "/login", "POST", form, Content_Type="application/x-www-form-urlencoded")


def cookie(address: str) -> str:
    """Logs in and returns the cookie that a browser would send from then on."""
    return login(address).headers["set-cookie"].split(";")[0]
