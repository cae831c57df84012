"""What tests share: a library in a temporary folder, and small documents."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from rag import Library
from rag.index.vector_sync import VectorSync
from rag.models import embedder, inference
from rag.sources.parser_process import Parser

pytest.register_assert_rewrite(f"{__package__}.browsing")  # its assertions show their values too

from .browsing import CHROMIUM, FLAGS
from .torture.world import leave_chroma_alone

for name in [name for name in os.environ if name.startswith(("RAG_", "OPENAI_"))]:
    del os.environ[name]  # tests do not depend on anyone's settings

# A shell that starts the tests in the background makes them, and every process that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Every process of the tests logs connections to other machines (guard/sitecustomize.py).
GUARD = Path(__file__).parent / "guard"
os.environ["TESTS_NETWORK_LOG"] = str(Path(tempfile.gettempdir()) / f"rag-tests-network-{os.getpid()}")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH", "")]))
exec(compile((GUARD / "sitecustomize.py").read_text(), str(GUARD / "sitecustomize.py"), "exec"), {"__name__": "guard"})

ARTICLE = Path(__file__).parent.parent / "seeds" / "india-raises-rare-earth-curbs-with-china.txt"
DATA = Path(__file__).parent.parent.parent / "shared" / "data"


settings.register_profile("rag", deadline=None)  # the time that an example takes depends on what else runs on the machine
settings.load_profile("rag")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the torture tests: full length, and the seed."""
    parser.addoption("--full", action="store_true", help="run the torture tests at full length (hours)")
    parser.addoption("--seed", type=int, default=20261124, help="of everything that is random in the torture tests")


def pytest_report_header(config: pytest.Config) -> str:
    """Shows the seed, with which a run can be repeated."""
    return f"torture: seed {config.getoption('--seed')}, {'full' if config.getoption('--full') else 'short'}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run in which any process connected to another machine."""
    log = Path(os.environ["TESTS_NETWORK_LOG"])
    asked = log.read_text() if log.exists() else ""
    log.unlink(missing_ok=True)
    if asked:
        sys.stderr.write(f"\nconnections to other machines:\n{asked}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


SLOW = ("process", "page", "outage", "quality")  # markers of tests that start processes or serve pages


class LeavesChroma(VectorSync):
    """Does not fill Chroma when its library is closed."""

    def close(self, *, changed: bool) -> None:
        super().close(changed=False)


class SharedParser(Parser):
    """A parser that several libraries use, one after the other."""

    def close(self) -> None:
        """Leaves the child running for the next library."""


@pytest.fixture(scope="session")
def _shared_parser() -> Iterator[SharedParser]:
    parser = SharedParser()
    yield parser
    Parser.close(parser)


@pytest.fixture(autouse=True)
def _few_children(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _shared_parser: SharedParser) -> None:
    """Spares fast tests the start of Chroma for documents that nobody searches through it, and of many parsers."""
    if not any(request.node.get_closest_marker(marker) for marker in SLOW):
        monkeypatch.setattr("rag.library.VectorSync", LeavesChroma)
        monkeypatch.setattr("rag.sources.parser_process.Parser", lambda **_: _shared_parser)


@pytest.fixture(scope="session", autouse=True)
def _the_shipped_embedder_is_loaded_once() -> None:
    """Libraries of this process share the model and the tokenizer; loading them takes 60 ms each time."""
    load_session = embedder.MiniLM._session.func
    sessions: dict[tuple[Path, bool], object] = {}  # (folder, whether the fast kernel is used) → session

    def shared_session(self: embedder.MiniLM) -> object:
        key = (self._folder, inference.has_fast_kernel())
        if key not in sessions:
            sessions[key] = load_session(self)
        return sessions[key]

    embedder.MiniLM._session = cached_property(shared_session)
    embedder.MiniLM._session.__set_name__(embedder.MiniLM, "_session")
    embedder.Tokenizer = SimpleNamespace(from_file=cache(embedder.Tokenizer.from_file))


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether this is a full run."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of everything random."""
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
        leave_chroma_alone(opened)
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
