"""What commands share: notes, output formats, progress."""

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
    """A clock that moves half a second with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Standard error as a terminal, and a clock that moves with each look."""
    screen = Screen()
    monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=screen))  # pytest would put its own back
    monkeypatch.setattr(module, "time", Clock())
    return screen


def session(*, quiet: bool = False) -> Session:
    return Session({}, trust=False, quiet=quiet)


def import_steps(quiet: bool = False, as_json: bool = False) -> None:
    with session(quiet=quiet).import_progress(as_json) as report:
        for done in range(1, 5):
            report(Progress(source=f"{done}.txt", done=done, total=4, passages=10 * done))


def test_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, without control characters; none when quiet, none for an empty line."""
    session().note("a\x1bb")
    session().note("")
    session(quiet=True).note("c")

    assert ("", "a\ufffdb\n") == tuple(capsys.readouterr())


def test_progress_line(stderr: Screen) -> None:
    """From the first second on, rewritten in place, erased with spaces at the end."""
    import_steps()
    first, *_, last = stderr.getvalue().split("\r")[1:]

    assert stderr.getvalue().startswith("\r2/4 files, 20 passages embedded, 20/s, 1 s left  2.txt")
    assert (first.startswith("2/4"), "", "\x1b" in stderr.getvalue()) == (True, last, False)


def test_progress_as_json(stderr: Screen) -> None:
    """Lines from the beginning on, with the time that is left."""
    import_steps(as_json=True)
    lines = [json.loads(line) for line in stderr.getvalue().splitlines()]

    assert {"source": "1.txt", "files": 1, "of": 4, "passages": 10, "found": 0, "rate": 20.0, "seconds_left": 1.5} == lines[
        0
    ]
    assert 4 == len(lines)


def test_quiet_shows_no_progress(stderr: Screen) -> None:
    """Neither as a line nor as JSON."""
    import_steps(quiet=True)
    import_steps(quiet=True, as_json=True)

    assert "" == stderr.getvalue()


def test_question_progress(stderr: Screen) -> None:
    """Questions done, of how many, and the time that is left."""
    with session().question_progress(as_json=True) as report:
        report(1, 3)

    assert {"done": 1, "total": 3, "seconds_left": 1.0} == json.loads(stderr.getvalue())


def test_settings_are_those_of_the_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that was not given does not count."""
    monkeypatch.chdir(tmp_path)

    assert "elsewhere" == Session({"index": "elsewhere", "model": None}, trust=False, quiet=False).settings.index


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """Indented, or one object a line; letters as they are; not both."""
    print_json({"a": "é"})
    print_json_lines([{"a": 1}, {"a": 2}])
    with pytest.raises(typer.BadParameter):
        one_format(True, True)

    assert '{\n  "a": "é"\n}\n{"a": 1}\n{"a": 2}\n' == capsys.readouterr().out
