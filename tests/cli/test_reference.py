"""The command reference in Markdown; tests/test_docs.py compares docs/commands.md with it."""

from __future__ import annotations

from rag.cli.reference import reference


def test_a_section() -> None:
    """A section has the help text, usage, arguments and options with defaults, an example, and links to schemas."""
    section = reference().split("## `rag backup`")[1].split("\n## ")[0]
    expected = """

Copy the index into one file, even while it is in use.

```
rag backup [OPTIONS] FILE
```

| argument or option | meaning |
|---|---|
| `FILE` | Backup file to create; it must not exist yet. [required] |
| `--json` | Print the result as JSON. |

Example:

```
rag backup papers.sqlite3
```

JSON output:

* `rag backup --json`: [backup.json](schemas/backup.json)
"""

    assert expected == section


def test_global_options_come_first() -> None:
    """The global options are in their own table, before the commands."""
    head = reference().split("\n## ")[0]

    assert "| `-q, --quiet` | Print only errors to standard error. |" in head
    assert "| `--index DIR` | Index folder [default: ./index]. |" in head
