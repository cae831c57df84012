"""Makes `python -m rag.cli` behave like the `rag` script."""

from rag.cli.app import run

run()
