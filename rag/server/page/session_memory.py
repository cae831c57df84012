"""Limits the memory that Gradio uses for each visitor of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

if TYPE_CHECKING:
    from gradio.blocks import BlockFunction
    from gradio.state_holder import SessionState

_SESSIONS = 1_000  # each takes about 0.2 MB


class FrugalBlocks(gr.Blocks):  # type: ignore[misc]  # gradio has no types
    """A page that forgets what its visitors no longer see.

    When an event changes a property of a component, Gradio 6.31 keeps a copy of the component with all its values under a
    new number, for each event. In long conversations, this took 1 MB per question.

    Args:
        options: Options for `gr.Blocks`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.state_session_capacity = _SESSIONS

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """Turns an event's results into what the browser gets, and then deletes the copies of components."""
        data: list[Any] = await super().postprocess_data(block_fn, predictions, state)
        if state is not None:
            for kept in (state.config_values, state.blocks_config.blocks):
                for number in [number for number in kept if number not in self.blocks]:
                    del kept[number]
        return data
