"""The command-line interface. The `rag` script calls `rag.cli.app.run`."""
