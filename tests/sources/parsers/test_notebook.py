"""Jupyter notebooks."""

from __future__ import annotations

import json

import pytest

from rag.errors import ReadError
from rag.sources.parsers.notebook import parse


def test_cells_and_their_output() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Ferries\n", "A study."]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"text/plain": ["\x1b[31m2\x1b[0m"]}}]},
        {"cell_type": "code", "source": "", "outputs": []},
    ]
    document = parse(json.dumps({"cells": cells, "metadata": {}}).encode(), "a.ipynb")

    assert "# Ferries\nA study.\n\n```python\n1 + 1\n```\n\n```\n2\n```" == document.text
    assert (["cell 1", "cell 2"], "Ferries") == ([anchor.name for anchor in document.anchors], document.title)


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"cells": [{"source": "x"}]}', b'{"cells": 3}'])
def test_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="not a valid Jupyter notebook"):
        parse(data, "a.ipynb")
