"""What Gradio keeps for a visitor does not grow with the number of events."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.page

PROGRAM = """
import asyncio
import gradio as gr
from gradio.state_holder import SessionState
from rag.server.page.session_memory import FrugalBlocks

values = iter([gr.update(label="new"), "x"] * 3)
with FrugalBlocks() as page:
    box = gr.Textbox()
    gr.Button().click(lambda: next(values), None, box)
state = SessionState(page)

async def events():
    for _ in range(6):
        await page.process_api(page.fns[0], [], state=state)

asyncio.run(events())
print(set(page.blocks) == set(state.config_values) == set(state.blocks_config.blocks))
"""


def test_copies_of_components_are_forgotten() -> None:
    """Which Gradio makes when an event changes a property, and then another one the value."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)

    assert ("True\n", 0) == (done.stdout, done.returncode), done.stderr
