"""What the commands of the command line share: opening the library, saying and printing, progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from rag.cli import rendering
from rag.errors import EmbedderError, IndexBusyError, SourceError, StorageError
from rag.records import Progress, SyncReport
from rag.settings import ResolvedSettings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, and nothing else.")]
_BEAT_S = 0.2  # between two lines of progress
Facts = Callable[[float], dict[str, Any]]
Line = Callable[[float], str]

NoSync = Annotated[bool, typer.Option("--no-sync", help="Do not look for changed documents first.")]


@contextmanager
def opened(
    context: typer.Context, *, sync_first: bool = False, quiet: bool = False, accept_data_loss: bool = False
) -> Iterator[Any]:
    """The library, open; in step with the folder of `documents` where that is asked for."""
    from rag.library import Library

    resolved: ResolvedSettings = context.obj()
    with Library.open(
        resolved.settings.index, resolved.settings, short_lived=True, accept_data_loss=accept_data_loss
    ) as library:
        if sync_first and resolved.settings.documents:
            _keep_in_step(library, resolved, quiet)
        if sync_first and not library.documents():
            say("there are no documents yet; take some in with: rag add FILE, or set documents in rag.toml")
        yield library


def _keep_in_step(library: Any, resolved: ResolvedSettings, quiet: bool) -> None:
    """Syncs before a question. What stands in its way is said, and the question answered from what is there."""
    folder = resolved.settings.documents
    try:
        with import_progress() as progress:
            report: SyncReport = library.sync(folder, on_progress=progress, timeout_s=0)
    except (IndexBusyError, SourceError, EmbedderError, StorageError) as error:
        say(f"answering from what is there: {error}")
        return
    if report.held:
        say(f"{len(report.held)} documents vanished from {folder} and are kept; `rag sync --prune` removes them")
    if report.failed and not quiet and (report.added or report.updated):
        say(f"{len(report.failed)} files of {folder} could not be read; `rag ls --failed` says why")


@contextmanager
def import_progress(as_json: bool = False) -> Iterator[Callable[[Progress], None]]:
    """Says how far an import is: on a terminal a line, if it takes over a second; with --json a JSON line now and then."""
    with progress_line(as_json) as tell:
        yield lambda progress: tell(
            lambda took_s: rendering.progress_facts(progress, took_s), lambda took_s: rendering.progress(progress, took_s)
        )


@contextmanager
def count_progress(as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Says how many questions of how many are done, in the same way."""
    with progress_line(as_json) as tell:

        def report(done: int, total: int) -> None:
            def left_s(took_s: float) -> float:
                return round(took_s / done * (total - done), 1)

            tell(
                lambda took_s: {"done": done, "total": total, "seconds_left": left_s(took_s)},
                lambda took_s: f"{done:,} of {total:,} questions, {left_s(took_s):.0f} s left",
            )

        yield report


@contextmanager
def progress_line(as_json: bool) -> Iterator[Callable[[Facts, Line], None]]:
    """What is told in it is shown now and then: its line where a person looks on, its facts with --json.

    Both are made from how many seconds it has taken, and only if they are shown.
    """
    begun = last = time.monotonic()
    shown = False

    def tell(facts: Facts, line: Line) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - last < _BEAT_S or (not as_json and (now - begun < 1 or not sys.stderr.isatty())):
            return
        last = now
        if as_json:
            json.dump(facts(now - begun), sys.stderr, ensure_ascii=False)
            sys.stderr.write("\n")
        else:
            shown = True
            sys.stderr.write(f"\r\x1b[K{line(now - begun)[:100]}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")


def say(line: str) -> None:
    """Tells the person at the terminal something beside the output."""
    if line:
        sys.stderr.write(f"{rendering.plain(line)}\n")


def show_lines(lines: Iterable[str]) -> None:
    """Prints lines."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def print_json(value: object) -> None:
    """Prints a value as JSON."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=dict)
    sys.stdout.write("\n")
