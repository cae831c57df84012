"""Code shared by all commands. Loads the settings, opens the library, and prints notes, progress and results."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli import rendering
from rag.configuration import load_settings, trust_hosts, untrusted_hosts
from rag.errors import EmbedderError, IndexBusyError, SettingsError, SourceError, StorageError
from rag.settings import ResolvedSettings, Settings

if TYPE_CHECKING:
    from rag.library import Library
    from rag.records import Progress
    from rag.schemas.contract import JSONObject

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="Print the results as JSON, one object per line.")]
NoSync = Annotated[bool, typer.Option("--no-sync", help="Skip syncing the folder in the `documents` setting.")]

_PROGRESS_INTERVAL_S = 0.2
_PROGRESS_DELAY_S = 1.0  # a command that finishes sooner shows no progress line


class Session:
    """One run of a command, with its settings. Opens the library, and prints notes and progress.

    Args:
        flags: The values of the global options, by setting name; None for an option that was not given.
        trust: Whether to accept the hosts that `rag.toml` names.
        quiet: Whether to print only errors to standard error.
    """

    def __init__(self, flags: Mapping[str, str | None], *, trust: bool, quiet: bool) -> None:
        self._flags = flags
        self._trust = trust
        self._quiet = quiet

    @cached_property
    def resolved(self) -> ResolvedSettings:
        """The current settings and the origin of each value. Loaded on first use.

        Raises:
            SettingsError: A setting is invalid, or `rag.toml` names a host that the user has not accepted.
        """
        resolved = load_settings(self._flags)
        hosts = untrusted_hosts(resolved)
        if hosts:
            self._accept(hosts)
        return resolved

    @property
    def settings(self) -> Settings:
        """The current settings."""
        return self.resolved.settings

    def _accept(self, hosts: list[str]) -> None:
        names = ", ".join(hosts)
        trust = self._trust
        if not trust and sys.stdin.isatty() and sys.stderr.isatty():
            trust = typer.confirm(f"The rag.toml in this folder sends your text to {names}. Allow this?", err=True)
        if not trust:
            raise SettingsError(
                f"the rag.toml in this folder sends text to {names}", "to allow this, run once: rag --trust …"
            )
        trust_hosts(hosts)

    @contextmanager
    def library(
        self, *, sync_first: bool = False, as_json: bool = False, accept_data_loss: bool = False
    ) -> Iterator[Library]:
        """Opens the library for the duration of a command.

        Args:
            sync_first: Whether to first sync the folder in the `documents` setting, if there is one.
            as_json: Whether the command prints JSON. If so, no note is printed about files that could not be read.
            accept_data_loss: Whether to open the index even if its database has lost committed changes.
        """
        from rag.library import Library

        settings = self.settings
        with Library.open(settings.index, settings, short_lived=True, accept_data_loss=accept_data_loss) as library:
            if sync_first and settings.documents:
                self._sync_first(library, as_json)
            if sync_first and not library.documents():
                self.note("no documents yet; add some with: rag add FILE, or set documents in rag.toml")
            yield library

    def _sync_first(self, library: Library, as_json: bool) -> None:
        """Syncs the index before a command uses it. If syncing fails, prints a note instead of stopping the command."""
        folder = self.settings.documents
        try:
            with self.import_progress() as progress:
                report = library.sync(folder, on_progress=progress, timeout_s=0)
        except (IndexBusyError, SourceError, EmbedderError, StorageError) as error:
            self.note(f"could not sync, so the index may be out of date: {error}")
            return
        if report.held:
            missing = rendering.counted(len(report.held), "document")
            self.note(f"kept {missing} missing from {folder}; to remove missing documents, run: rag sync --prune")
        if report.failed and not as_json and (report.added or report.updated):
            failed = rendering.counted(len(report.failed), "file")
            self.note(f"{failed} in {folder} could not be read; list them with: rag ls --failed")

    def note(self, line: str) -> None:
        """Prints a note to standard error, unless the note is empty or the session is quiet."""
        if line and not self._quiet:
            print_error(line)

    @contextmanager
    def import_progress(self, as_json: bool = False) -> Iterator[Callable[[Progress], None]]:
        """Yields a function that shows an import's progress on standard error.

        The progress is printed as JSON, one object per line, if `as_json` is true. Otherwise, it is shown as a single line,
        and only on a terminal.
        """
        with self._progress(as_json) as show:

            def report(progress: Progress) -> None:
                def as_object(seconds: float) -> JSONObject:
                    from rag.schemas.documents import import_progress_json

                    return import_progress_json(progress, *rendering.pace(progress, seconds))

                show(as_object, lambda seconds: rendering.progress(progress, seconds))

            yield report

    @contextmanager
    def question_progress(self, as_json: bool = False) -> Iterator[Callable[[int, int], None]]:
        """Yields a function that shows an evaluation's progress, counted in questions.

        The output format is chosen in the same way as in `import_progress`.
        """
        with self._progress(as_json) as show:

            def report(done: int, total: int) -> None:
                def seconds_left(seconds: float) -> float:
                    return round(seconds / done * (total - done), 1)

                def as_object(seconds: float) -> JSONObject:
                    from rag.schemas.evaluation import eval_progress_json

                    return eval_progress_json(done, total, seconds_left(seconds))

                show(as_object, lambda seconds: f"{done:,} of {total:,} questions, {seconds_left(seconds):.0f} s left")

            yield report

    @contextmanager
    def _progress(self, as_json: bool) -> Iterator[Callable[[Callable[[float], JSONObject], Callable[[float], str]], None]]:
        """Yields a function that shows progress at most five times per second.

        The yielded function takes two functions of the elapsed seconds: the first returns a JSON object, and the second
        returns a line of text. Only the function for the current output format is called. Each line of text overwrites
        the previous line by means of carriage returns and spaces, because rag prints no escape sequences.
        """
        started = last = time.monotonic()
        width = 0  # width of the line that is currently on the screen

        def show(as_object: Callable[[float], JSONObject], as_line: Callable[[float], str]) -> None:
            nonlocal last, width
            now = time.monotonic()
            seconds = now - started
            is_early = now - last < _PROGRESS_INTERVAL_S or (not as_json and seconds < _PROGRESS_DELAY_S)
            if self._quiet or is_early or not (as_json or sys.stderr.isatty()):
                return
            last = now
            if as_json:
                sys.stderr.write(rendering.json_text(as_object(seconds)) + "\n")
            else:
                line = as_line(seconds)[: shutil.get_terminal_size().columns - 1]
                sys.stderr.write(f"\r{line:{width}}")
                width = len(line)
            sys.stderr.flush()

        try:
            yield show
        finally:
            if width:
                sys.stderr.write(f"\r{'':{width}}\r")


def session_of(context: typer.Context) -> Session:
    """Returns the session for a command."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("no session: commands must be run through the application's callback, which creates it")
    return session


def one_format(as_json: bool, as_jsonl: bool) -> None:
    """Checks that at most one output format was requested.

    Raises:
        typer.BadParameter: Both formats were requested.
    """
    if as_json and as_jsonl:
        raise typer.BadParameter("--json and --jsonl cannot be used together")


def print_error(line: str) -> None:
    """Prints a line to standard error."""
    sys.stderr.write(f"{rendering.plain(line)}\n")


def print_lines(lines: Iterable[str]) -> None:
    """Prints lines to standard output."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def print_json(value: object) -> None:
    """Prints a value as indented JSON."""
    sys.stdout.write(rendering.json_text(value, indent=2) + "\n")


def print_json_lines(values: Iterable[object]) -> None:
    """Prints values as JSON, one per line."""
    print_lines(map(rendering.json_text, values))
