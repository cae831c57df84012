"""Code shared by commands: notes, output formats, progress."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from rag.cli import session as module
from rag.cli.session import Session, one_format, print_json, print_json_lines
from rag.records import Progress


class Clock:
    """A clock that advances half a second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


class Screen(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Standard error as a terminal, and a clock that advances each time it is read."""
    screen = Screen()
    monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=screen))  # pytest would replace sys.stderr itself
    monkeypatch.setattr(module, "time", Clock())
    return screen


def session(*, quiet: bool = False) -> Session:
    return Session({}, trust=False, quiet=quiet)


def import_steps(quiet: bool = False, as_json: bool = False) -> None:
    with session(quiet=quiet).import_progress(as_json) as report:
        for done in range(1, 5):
            report(Progress(source=f"{done}.txt", done=done, total=4, passages=10 * done))


def test_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """Notes go to standard error without control characters; empty notes, and notes in quiet sessions, are not printed."""
    session().note("a\x1bb")
    session().note("")
    session(quiet=True).note("c")

    assert ("", "a\ufffdb\n") == tuple(capsys.readouterr())


def test_progress_line(stderr: Screen) -> None:
    """The line appears after the first second, is rewritten in place, and is erased with spaces at the end."""
    import_steps()
    first, *_, last = stderr.getvalue().split("\r")[1:]

    assert stderr.getvalue().startswith("\r2/4 files, 20 passages embedded, 20/s, 1 s left  2.txt")
    assert (first.startswith("2/4"), "", "\x1b" in stderr.getvalue()) == (True, last, False)


def test_progress_as_json(stderr: Screen) -> None:
    """JSON lines are printed from the start, with the remaining time."""
    import_steps(as_json=True)
    lines = [json.loads(line) for line in stderr.getvalue().splitlines()]

    assert {"source": "1.txt", "files": 1, "of": 4, "passages": 10, "found": 0, "rate": 20.0, "seconds_left": 1.5} == lines[
        0
    ]
    assert 4 == len(lines)


def test_quiet_shows_no_progress(stderr: Screen) -> None:
    """A quiet session shows progress neither as a line nor as JSON."""
    import_steps(quiet=True)
    import_steps(quiet=True, as_json=True)

    assert "" == stderr.getvalue()


def test_question_progress(stderr: Screen) -> None:
    """Progress shows the questions done, their total number, and the remaining time."""
    with session().question_progress(as_json=True) as report:
        report(1, 3)

    assert {"done": 1, "total": 3, "seconds_left": 1.0} == json.loads(stderr.getvalue())


def test_settings_are_those_of_the_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that was not given does not override a setting."""
    monkeypatch.chdir(tmp_path)

    assert "elsewhere" == Session({"index": "elsewhere", "model": None}, trust=False, quiet=False).settings.index


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is indented or has one object per line, with letters unescaped; both formats at once are refused."""
    print_json({"a": "é"})
    print_json_lines([{"a": 1}, {"a": 2}])
    with pytest.raises(typer.BadParameter):
        one_format(True, True)

    assert '{\n  "a": "é"\n}\n{"a": 1}\n{"a": 2}\n' == capsys.readouterr().out
