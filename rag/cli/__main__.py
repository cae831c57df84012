"""Makes `python -m rag.cli` run the `rag` script."""

from rag.cli.app import run

run()
