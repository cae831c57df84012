"""The command line; the `rag` script runs `rag.cli.app.run`."""
