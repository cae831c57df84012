"""What tests share: a library in a temporary folder, and small documents."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Library

pytest.register_assert_rewrite(f"{__package__}.browsing")  # what it finds wrong is told in full

from .browsing import CHROMIUM, FLAGS
from .torture.world import leave_chroma_alone

for name in [name for name in os.environ if name.startswith(("RAG_", "OPENAI_"))]:
    del os.environ[name]  # nobody's own settings change what tests see

# Whoever starts the tests in the background has them ignore Ctrl-C, and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Every process of the tests is watched for addresses that are not this machine's (guard/sitecustomize.py).
GUARD = Path(__file__).parent / "guard"
os.environ["TESTS_NETWORK_LOG"] = str(Path(tempfile.gettempdir()) / f"rag-tests-network-{os.getpid()}")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH", "")]))
exec(compile((GUARD / "sitecustomize.py").read_text(), str(GUARD / "sitecustomize.py"), "exec"), {"__name__": "guard"})

ARTICLE = Path(__file__).parent.parent / "seeds" / "india-raises-rare-earth-curbs-with-china.txt"
DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long runs, and their seeds."""
    parser.addoption("--full", action="store_true", help="run the torture tests at full length (hours)")
    parser.addoption("--seed", type=int, default=20261124, help="of everything that is random in the torture tests")


def pytest_report_header(config: pytest.Config) -> str:
    """One seed, one replay."""
    return f"torture: seed {config.getoption('--seed')}, {'full' if config.getoption('--full') else 'short'}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run in which any process asked for a foreign address has failed."""
    log = Path(os.environ["TESTS_NETWORK_LOG"])
    asked = log.read_text() if log.exists() else ""
    log.unlink(missing_ok=True)
    if asked:
        sys.stderr.write(f"\nforeign addresses were asked for:\n{asked}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether this is a full run."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where everything random begins."""
    return int(request.config.getoption("--seed"))


@pytest.fixture(scope="session")
def article() -> str:
    """The sample article's text."""
    return ARTICLE.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three small documents."""
    made = tmp_path / "documents"
    made.mkdir()
    (made / "rivers.txt").write_text("The Danube flows through ten countries. It ends in the Black Sea.\n", "utf-8")
    (made / "towers.md").write_text("# Towers\n\n## Paris\n\nThe Eiffel Tower is 330 metres tall.\n", "utf-8")
    (made / "sub").mkdir()
    (made / "sub" / "bread.txt").write_text("Sourdough rises slowly because its yeast is wild.\n", "utf-8")
    return made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An empty library."""
    with Library.open(tmp_path / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        yield opened


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library of the sample article, shared by tests that only read."""
    with Library.open(tmp_path_factory.mktemp("seeds") / "index", short_lived=True) as opened:
        opened.sync(ARTICLE.parent)
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A real Chromium."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
