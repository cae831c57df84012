"""The commands for settings and model servers: `rag config` and `rag models`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from rag.cli import rendering
from rag.cli.session import Json, print_json, print_lines, session_of
from rag.settings import masked

commands = typer.Typer()


@commands.command(epilog="Example: RAG_K=5 rag config")
def config(context: typer.Context, as_json: Json = False) -> None:
    """Show every setting's value and where the value comes from."""
    resolved = session_of(context).resolved
    values: dict[str, str | int | float] = asdict(resolved.settings)
    values["api_key"] = masked(resolved.settings.api_key)
    if as_json:
        from rag.schemas.index import config_json

        print_json(config_json(values, resolved.origins))
    else:
        print_lines(rendering.settings(values, resolved.origins))
        print_lines(["", rendering.destinations(resolved.settings.remote_addresses())])


@commands.command(epilog="Example: rag models")
def models(as_json: Json = False) -> None:
    """List the model servers running on this machine.

    Looks for Ollama and LM Studio, and prints a command for using each model. Does not send your text to the servers.
    """
    from rag.models.local_servers import find_local_servers

    servers = find_local_servers()
    if as_json:
        from rag.schemas.index import models_json

        print_json(models_json(servers))
    else:
        print_lines(rendering.local_servers(servers))
