"""The command line: `rag.cli.app.run` is the `rag` script."""
