"""Nothing leaves the machine: no address is asked for, no file of anybody's reports is written.

While all tests run, `tests/guard/sitecustomize.py` watches every socket of every Python process; CI runs them where there
is no network at all.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ARTICLE
from .guard.sitecustomize import LOG, is_local

pytestmark = pytest.mark.process

WORK = """
import sys
from rag import Library
with Library.open("index") as library:
    library.sync("seeds"); library.sync_vectors()
    print(library.ask("What did India raise with Sun Weidong?").status)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "work" / "seeds").mkdir(parents=True)
    shutil.copy(ARTICLE, tmp_path / "work" / "seeds")
    return tmp_path


def env(home: Path, **more: str) -> dict[str, str]:
    # Some libraries are quiet where they think they are tested: here they must not know.
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTEST_CURRENT_TEST") and not k.startswith("GITHUB_")}
    place = str(home / "home")
    return {**kept, "HOME": place, "TMPDIR": place, "XDG_CACHE_HOME": place, "XDG_CONFIG_HOME": place, **more}


def test_no_traces_outside_the_index(home: Path) -> None:
    """An answer leaves no file in the home folder or the temporary one: no caches, no device ids, no reports."""
    done = subprocess.run([sys.executable, "-c", WORK], cwd=home / "work", env=env(home), capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert (done.stdout, done.returncode) == ("answered\n", 0), done.stderr
    assert [path for path in (home / "home").rglob("*") if path.is_file()] == []


def test_the_page_leaves_none_either(home: Path) -> None:
    """Neither does the page, with Gradio behind it."""
    command = [sys.executable, "-m", "rag.cli", "ui", "--port", "0"]
    page = subprocess.Popen(command, cwd=home / "work", env=env(home), stdout=subprocess.PIPE, text=True)
    try:
        assert "http://127.0.0.1:" in page.stdout.readline()
        time.sleep(5)  # reports are sent a while after the start
    finally:
        page.terminate()
        page.communicate(timeout=30)
    assert [path for path in (home / "home").rglob("*") if path.is_file()] == []


def test_the_watch_works(tmp_path: Path) -> None:
    """A program that asks for another address is refused, and noted."""
    program = "import socket; socket.getaddrinfo('example.org', 80)"
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, LOG: str(log)}, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode != 0
    assert "example.org" in log.read_text()
    assert [True] * 3 == [is_local(address) for address in (("127.0.0.1", 1), "::1", "localhost")]
    assert [False] * 2 == [is_local(address) for address in (("192.0.2.1", 80), "example.org")]


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_without_a_network(home: Path) -> None:
    """Where there is no network but the loopback, the first answer is the same."""
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a network namespace")
    done = subprocess.run(["unshare", "-rn", sys.executable, "-c", WORK], cwd=home / "work", env=env(home),
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert (done.stdout, done.returncode) == ("answered\n", 0), done.stderr


def test_sockets_of_the_tests_are_watched() -> None:
    """In this process too."""
    with pytest.raises(PermissionError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)
    log = Path(os.environ[LOG])  # this one was on purpose
    log.write_text("".join(line for line in log.read_text().splitlines(True) if "example.org" not in line))
