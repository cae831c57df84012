"""The Typer application. Registers the commands and global options, and reports errors with a message and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from rag.cli import asking, documents, evaluation, index, serving, settings
from rag.cli.session import Session, print_error
from rag.errors import RagError

_INTERRUPTED = 130
_FAILED = 4

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog='Start with: rag ask "What did India raise with Sun Weidong?"')
def main(
    context: typer.Context,
    index: Annotated[str | None, typer.Option(metavar="DIR", help="Index folder [default: ./index].")] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Model that writes the answers, or 'none' to quote your documents instead."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Model server to use instead of OpenAI, such as http://127.0.0.1:11434/v1."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Allow the rag.toml in this folder to send text to the hosts that it names.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors to standard error.")] = False,
) -> None:
    """Answer questions from your own documents, with citations that are exact to the character."""
    context.obj = Session({"index": index, "model": model, "base_url": base_url}, trust=trust, quiet=quiet)


for group in (asking, documents, index, evaluation, settings, serving):
    app.add_typer(group.commands)


def run() -> NoReturn:
    """Runs the command line. Prints every error to standard error, with a hint if there is one, and sets the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # some encodings lack characters that rag prints
    try:
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else 0  # Typer returns the exit code of typer.Exit, and 130 after Ctrl-C
    except RagError as error:
        code = _report(error)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _report_unexpected(error)
    if code == _INTERRUPTED:
        print_error("interrupted; everything saved so far is kept")
    sys.exit(code)


def _report(error: RagError) -> int:
    if os.environ.get("RAG_DEBUG"):
        traceback.print_exc()
    print_error(f"rag: {error}" + (f"\n     {error.hint}" if error.hint else ""))
    return error.exit_code


def _report_unexpected(error: Exception) -> int:
    # Typer's usage errors have their own text and exit code. Typer does not export their class, so check the attributes.
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        print_error(f"rag: {error.format_message()}\n     `rag --help` lists the commands")
        return int(error.exit_code)
    if os.environ.get("RAG_DEBUG"):
        traceback.print_exc()
    if isinstance(error, UnicodeError):
        print_error("rag: an argument is not valid text in this terminal's encoding\n     set the terminal to UTF-8")
        return 1
    if isinstance(error, OSError):
        print_error(f"rag: {error.strerror or error}: {error.filename or ''}\n     check the disk and the file permissions")
        return _FAILED
    print_error(
        f"Internal error: {type(error).__name__}. Please run the command again with RAG_DEBUG=1 and report the output."
    )
    return _FAILED


if __name__ == "__main__":
    run()
