"""Writes the sample of this version's index that later versions must open.

    python tests/data/make_index.py

index/   an index over docs/, one of which was removed by hand
docs/    three documents and an empty file
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

from rag import Library
from rag.index.catalog.database.schema import VERSION

HERE = Path(__file__).parent
PLACE = Path(tempfile.gettempdir()) / "sample-of-an-index"  # part of the sample: the root's path

shutil.rmtree(PLACE, ignore_errors=True)
(PLACE / "docs").mkdir(parents=True)
shutil.copy(HERE.parent.parent / "seeds" / "india-raises-rare-earth-curbs-with-china.txt", PLACE / "docs")
text = "# Rivers\n\n## Danube\n\nThe Danube flows through ten countries. It ends in the Black Sea.\n"
(PLACE / "docs" / "rivers.md").write_text(text, "utf-8")
(PLACE / "docs" / "cafe.txt").write_text("Cafés open at seven. The baker of Liège is called Anaïs.\n", "utf-8")
(PLACE / "docs" / "empty.txt").touch()
(PLACE / "docs" / "gone.txt").write_text("To be removed by hand.", "utf-8")
with Library.open(PLACE / "index") as library:
    library.sync(PLACE / "docs")
    library.remove("gone.txt")
(PLACE / "docs" / "gone.txt").unlink()


def without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


with tarfile.open(HERE / f"index-v{VERSION}.tar.gz", "w:gz") as archive:
    for part in ("index", "docs"):
        archive.add(PLACE / part, part, filter=without_owner)
shutil.rmtree(PLACE)
