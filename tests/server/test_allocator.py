"""The server's allocator returns memory that is free between objects which are still in use."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEFT = """
import sys
from pathlib import Path
from rag.server.allocator import return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "set up":
    return_freed_memory()
message = b"x" * 2_000_000  # from now on, the library would keep objects up to this size
del message
before, kept = resident(), []
for _ in range(200):
    message = b"x" * 1_000_000  # a conversation on its way to the browser
    kept.append(b"x" * 40_000)  # answers that stay
    kept.append([message])
for part in kept[1::2]:
    part.clear()
del message, part
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the GNU C library")
def test_freed_memory_is_returned() -> None:
    def left(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", LEFT, how], capture_output=True, text=True, check=True).stdout)

    assert left("by default") > 100e6
    assert left("set up") < 30e6
