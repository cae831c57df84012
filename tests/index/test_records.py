"""Records of the index."""

from __future__ import annotations

import pytest

from rag.errors import EmbedderChangedError
from rag.index.records import IndexVersion


@pytest.mark.parametrize(("passages", "embedder", "fits"), [(5, "mini", True), (0, "other", True), (5, "other", False)])
def test_vectors_of_two_embedders_are_not_mixed(passages: int, embedder: str, fits: bool) -> None:
    """A version without passages takes any embedder."""
    version = IndexVersion(id=1, state="current", embedder="mini", splitter="sentences-200", passages=passages, terms=9)
    if fits:
        version.check(embedder)
        return
    with pytest.raises(EmbedderChangedError, match="'mini', but the settings specify 'other'") as raised:
        version.check(embedder)
    assert "rag reindex" in raised.value.hint
