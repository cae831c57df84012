"""Work in a thread: its outcome, its errors as messages, and polling until it ends."""

from __future__ import annotations

import html
import threading

import pytest

from rag.errors import SourceError
from rag.server.page.background_job import BackgroundJob


def run(work) -> str:
    job = BackgroundJob(work)
    list(job.polls())
    return html.unescape(job.outcome)


def fail(error: Exception):
    def work() -> str:
        raise error

    return work


def test_the_outcome_is_there_when_polling_ends() -> None:
    """Before that there is none."""
    release = threading.Event()

    def work() -> str:
        release.wait(5)
        return "done"

    job = BackgroundJob(work)
    polls = job.polls()
    next(polls)
    assert "" == job.outcome
    release.set()
    list(polls)
    assert "done" == job.outcome


def test_errors_become_messages() -> None:
    """With the hint of an error of rag, and the reason of a file that cannot be read."""
    assert '<p class="flag">no such file. check the path</p>' == run(fail(SourceError("no such file", "check the path")))
    assert '<p class="flag">cannot read the file (Is a directory)</p>' == run(fail(OSError(21, "Is a directory")))


def test_a_defect_is_logged_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """The message has the class of the error; the log has the traceback."""
    assert "Internal error: TypeError. See the server log for details" in run(fail(TypeError("secret")))
    assert "secret" in caplog.text
    assert "Traceback" in caplog.text
