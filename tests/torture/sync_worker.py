"""A process that syncs a folder into an index: python sync_worker.py INDEX FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.torture.world import open_library

if __name__ == "__main__":
    with open_library(Path(sys.argv[1])) as library:
        print("ready", flush=True)
        library.sync(sys.argv[2])
