"""The command reference as Markdown; tests/test_docs.py compares the page with it."""

from __future__ import annotations

from rag.cli.reference import reference


def test_a_section() -> None:
    """Help, usage, arguments and options with defaults, example, schemas."""
    section = reference().split("## `rag backup`")[1].split("\n## ")[0]
    expected = """

Copy the index into one file, while it is in use.

```
rag backup [OPTIONS] FILE
```

| argument or option | meaning |
|---|---|
| `FILE` | The backup file; must not exist yet. [required] |
| `--json` | Print JSON. |

Example:

```
rag backup papers.sqlite3
```

JSON:

* `rag backup --json`: [backup.json](schemas/backup.json)
"""

    assert expected == section


def test_global_options_come_first() -> None:
    """In a table of their own."""
    head = reference().split("\n## ")[0]

    assert "| `-q, --quiet` | Print nothing on standard error but errors. |" in head
    assert "| `--index DIR` | Folder of the index [default: ./index]. |" in head
