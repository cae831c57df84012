"""Generates the command reference in Markdown: `python -m rag.cli.reference > docs/commands.md`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from rag.cli.app import app
from rag.schemas.published import OUTPUTS

if TYPE_CHECKING:
    from typer._click.core import Command, Parameter  # the copy of click that Typer bundles


_HEAD = """# Commands

Generated with `python -m rag.cli.reference > docs/commands.md`; a test checks that this page is up to date.

Results are printed to standard output. Notes, progress and errors are printed to standard error; with `--quiet`, only
errors are printed there. rag prints no colours and no escape sequences, with or without
[`NO_COLOR`](https://no-color.org), and it shows a progress line only on a terminal. With `--json`, progress is printed to
standard error as JSON, one object per line.

| exit code | meaning |
|---|---|
| 0 | success, even if rag declined to answer |
| 1 | invalid input, a failed gate, or a cited text that was changed or deleted (`rag verify`) |
| 2 | incorrect usage, such as an unknown option |
| 3 | some documents could not be read; the others are in the index |
| 4 | the index is busy or damaged, the disk is full, or an internal error occurred |
| 130 | interrupted, for example with Ctrl-C |

Global options come before the command: `rag --quiet ask "…"`.
"""


def reference() -> str:
    """Returns the command reference in Markdown."""
    group = typer.main.get_group(app)
    sections = [line for name, command in group.commands.items() for line in _section(name, command)]
    return "\n".join([_HEAD, *_table(group), *sections]) + "\n"


def _section(name: str, command: Command) -> Iterator[str]:
    """Yields the section for a command: its help text, usage, arguments and options, example, and JSON output."""
    usage = " ".join([f"rag {name} [OPTIONS]", *(_argument(one) for one in command.params if _is_argument(one))])
    yield f"\n## `rag {name}`\n\n{inspect.cleandoc(command.help or '')}\n\n```\n{usage}\n```\n"
    yield from _table(command)
    yield f"\nExample:\n\n```\n{(command.epilog or '').removeprefix('Example: ')}\n```"
    outputs = [(line, output) for output in OUTPUTS for line in output.commands if line.startswith(f"rag {name} ")]
    if outputs:
        yield "\nJSON output:\n"
    for line, output in outputs:
        note = f", {output.note}" if output.note else ""
        yield f"* `{line}`{note}: [{output.schema}.json](schemas/{output.schema}.json)"


def _table(command: Command) -> Iterator[str]:
    """Yields a table of a command's arguments and options, with the same help texts as `--help`."""
    context = command.make_context("", [], resilient_parsing=True)
    yield "| argument or option | meaning |\n|---|---|"
    for parameter in command.params:
        names, meaning = parameter.get_help_record(context) or ("", "")
        label = _argument(parameter) if _is_argument(parameter) else names.strip()
        yield f"| `{label}` | {' '.join(meaning.split())} |"


def _is_argument(parameter: Parameter) -> bool:
    return parameter.param_type_name == "argument"


def _argument(parameter: Parameter) -> str:
    """Returns an argument in the form used in a usage line, such as "[FOLDER]" or "SOURCE…"."""
    name = f"{parameter.metavar}{'…' if parameter.nargs == -1 else ''}"
    return name if parameter.required else f"[{name}]"


if __name__ == "__main__":
    sys.stdout.write(reference())
