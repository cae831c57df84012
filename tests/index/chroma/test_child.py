"""The process that holds Chroma: it seals what it finished, and nothing after an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.child_process import SupervisedChild

pytestmark = pytest.mark.process


@pytest.fixture
def child(tmp_path: Path) -> Iterator[SupervisedChild]:
    started = SupervisedChild.start("rag.index.chroma.child", str(tmp_path / "1"))
    assert "" == started.receive(limit_s=30).message["position"]
    yield started
    started.end()


def apply(child: SupervisedChild, dimension: int, position: str) -> dict[str, object]:
    message = {"do": "apply", "deleted": [], "keys": [f"k{dimension}"], "position": position}
    return child.request(message, np.ones(dimension, np.float32).tobytes(), limit_s=30).message


def test_it_seals_when_its_pipe_ends(child: SupervisedChild, tmp_path: Path) -> None:
    assert {"bytes": 0} == apply(child, 3, "v:1")
    child.close(grace_s=30)

    assert '"position": "v:1"' in (tmp_path / "1.seal.json").read_text()
    assert 0 == child.end()


def test_it_does_not_seal_after_an_error(child: SupervisedChild, tmp_path: Path) -> None:
    apply(child, 3, "v:1")
    assert "error" in apply(child, 5, "v:2")
    child.close(grace_s=30)

    assert not (tmp_path / "1.seal.json").exists()


def test_an_unknown_request_is_an_error(child: SupervisedChild) -> None:
    assert "unknown request: 'dance'" == child.request({"do": "dance"}, limit_s=30).message["error"]
