"""The command reference as Markdown, made from the application: `python -m rag.cli.reference > docs/commands.md`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from rag.cli.app import app
from rag.schemas.published import OUTPUTS

if TYPE_CHECKING:
    from typer._click.core import Command, Parameter  # typer brings click with it under this name


_HEAD = """# Commands

Made from the program by `python -m rag.cli.reference > docs/commands.md`; a test keeps this page equal to it.

Results go to standard output. Notes, progress and errors go to standard error; `--quiet` leaves the errors only. rag prints
no colours and no escape sequences, with or without [`NO_COLOR`](https://no-color.org); the progress line is for terminals
only. With `--json`, progress is printed on standard error as JSON, one object a line.

| exit code | meaning |
|---|---|
| 0 | success, abstentions included |
| 1 | a mistake in the input, or a failed gate |
| 2 | wrong usage |
| 3 | some documents failed, the others are in the index |
| 4 | the index is busy or damaged, the disk is full, or an internal error |
| 130 | interrupted |

Options of `rag` itself come before the command: `rag --quiet ask "…"`.
"""


def reference() -> str:
    """Returns the command reference."""
    group = typer.main.get_group(app)
    sections = [line for name, command in group.commands.items() for line in _section(name, command)]
    return "\n".join([_HEAD, *_table(group), *sections]) + "\n"


def _section(name: str, command: Command) -> Iterator[str]:
    """Yields the section of one command: help, usage, arguments and options, example, JSON."""
    usage = " ".join([f"rag {name} [OPTIONS]", *(_argument(one) for one in command.params if _is_argument(one))])
    yield f"\n## `rag {name}`\n\n{inspect.cleandoc(command.help or '')}\n\n```\n{usage}\n```\n"
    yield from _table(command)
    yield f"\nExample:\n\n```\n{(command.epilog or '').removeprefix('Example: ')}\n```"
    outputs = [(line, output) for output in OUTPUTS for line in output.commands if line.startswith(f"rag {name} ")]
    if outputs:
        yield "\nJSON:\n"
    for line, output in outputs:
        note = f", {output.note}" if output.note else ""
        yield f"* `{line}`{note}: [{output.schema}.json](schemas/{output.schema}.json)"


def _table(command: Command) -> Iterator[str]:
    """Yields a table of the arguments and options of a command, with the help texts of `--help`."""
    context = command.make_context("", [], resilient_parsing=True)
    yield "| argument or option | meaning |\n|---|---|"
    for parameter in command.params:
        names, meaning = parameter.get_help_record(context) or ("", "")
        label = _argument(parameter) if _is_argument(parameter) else names.strip()
        yield f"| `{label}` | {' '.join(meaning.split())} |"


def _is_argument(parameter: Parameter) -> bool:
    return parameter.param_type_name == "argument"


def _argument(parameter: Parameter) -> str:
    """Returns an argument as it is written in a usage line: "[FOLDER]", "SOURCE…"."""
    name = f"{parameter.metavar}{'…' if parameter.nargs == -1 else ''}"
    return name if parameter.required else f"[{name}]"


if __name__ == "__main__":
    sys.stdout.write(reference())
