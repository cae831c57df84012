"""The commands for the web interface: `rag ui` and `rag account`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rag.cli import rendering
from rag.cli.session import session_of

commands = typer.Typer()


@commands.command(epilog="Example: rag ui --port 7861")
def ui(
    context: typer.Context,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 7860,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Additional host name, such as the name of a reverse proxy; can be repeated."),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="Address of a reverse proxy whose X-Forwarded headers are trusted; can be repeated."
        ),
    ] = None,
    certificate: Annotated[str, typer.Option(metavar="FILE", help="Certificate file for HTTPS, in PEM format.")] = "",
    key: Annotated[str, typer.Option(metavar="FILE", help="Private key file for the certificate.")] = "",
) -> None:
    """Serve the web interface: a chat that shows each answer next to its sources.

    By default, the web interface can be reached only from this machine. With `--host` or `--name`, users must log in with
    the account created by `rag account`.
    """
    from rag.server.application import serve

    serve(
        session_of(context).settings,
        host,
        port,
        names=tuple(name or ()),
        proxies=tuple(proxy or ()),
        certificate=certificate,
        key=key,
    )


@commands.command(epilog="Example: rag account jane")
def account(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="NAME", help="User name to log in with.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Create the account for `rag ui`, or change its password."""
    from rag.server.accounts import create

    index = session_of(context).settings.index
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    create(Path(index), user, password)
    print(rendering.plain(f"saved account {user!r} in {index}; if `rag ui` is running, restart it"))
