"""Reading measured: which files are read, how much of their words, how fast; taking in folders beside the quickstart.

    uv run python benchmarks/documents.py DATA HOME THEIRS [--rounds 3]

DATA holds formats/{plain,hard}/ and qa/; HOME is where `benchmarks/opponent.py prepare` put Chroma's embedder. THEIRS is
the Python of an environment of its own, since what the quickstart needs cannot be installed beside pandas 3:

    uv venv THEIRS-FOLDER
    uv pip install --link-mode copy llama-index-core llama-index-readers-file llama-index-vector-stores-chroma \\
        chromadb==1.5.9 "markitdown[docx,outlook,pdf,pptx,xls,xlsx]" pypdf docx2txt EbookLib html2text python-pptx nbconvert
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# What markitdown converts; the rest it passes on as it stands, markup and all.
CONVERTED = frozenset(".docx .pptx .xlsx .xls .pdf .html .epub .ipynb .msg .csv".split())
TEXTS = 150  # SQuAD paragraphs in the mixed folder, each a file

MARKITDOWN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from markitdown import MarkItDown
convert, found = MarkItDown(enable_plugins=False), {}
for path in sys.argv[1:]:
    try:
        found[path] = convert.convert(path).text_content
    except Exception as error:
        found[path] = None
print(json.dumps(found))
"""
PYPDF = """
import json, sys, time
import pypdf
texts, begun, pages = {}, time.perf_counter(), 0
for path in sys.argv[1:]:
    try:
        parser = pypdf.PdfReader(path)
        texts[path] = "\\n".join(page.extract_text() for page in parser.pages)
        pages += len(parser.pages)
    except Exception as error:
        texts[path] = None
print(json.dumps({"texts": texts, "pages": pages, "seconds": time.perf_counter() - begun}))
"""
TAKE_IN = """
import json, sys, time, pathlib, logging, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
sys.path.insert(0, sys.argv[1])
import chromadb, opponent
from llama_index.core.node_parser import SentenceSplitter
SentenceSplitter(chunk_size=32, chunk_overlap=0).split_text("It is a sentence, and not the last of them. " * 20)
opponent.embedding().get_text_embedding("warm")
begun = time.perf_counter()
opponent.index(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
seconds = time.perf_counter() - begun
collection = opponent.store(pathlib.Path(sys.argv[3]))._collection
held = collection.get(include=["documents", "metadatas"])
files = {m.get("file_name") for m in held["metadatas"]}
print(json.dumps({"seconds": seconds, "characters": sum(map(len, held["documents"])), "files": len(files)}))
"""


_MARKUP = re.compile(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|\b(?:NaN|Unnamed)\b(?:: \d+)?", re.DOTALL)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def recovered(wanted: Counter[str], found: Counter[str]) -> float:
    """Share of the words of one text that another has as well, counted as often as they come."""
    return sum((wanted & found).values()) / max(1, sum(wanted.values()))


def theirs(python: Path, home: Path, script: str, *given: object) -> Any:
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": "", "ANONYMIZED_TELEMETRY": "False"}
    done = subprocess.run([python, "-c", script, *map(str, given)], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def formats(data: Path) -> dict[Path, str]:
    """Reads every file; prints what is refused and why; path → text of all its documents."""
    from rag.errors import ReadError
    from rag.sources.parser_process import Parser

    texts: dict[Path, str] = {}
    for kind in ("plain", "hard"):
        parser, refused, slowest, most = Parser(), Counter[str](), (0.0, ""), 0
        paths = sorted((data / "formats" / kind).iterdir())
        for path in paths:
            begun = time.perf_counter()
            try:
                texts[path] = "\n".join(document.text for document in parser.parse(path.read_bytes(), path.name).documents)
            except ReadError as error:
                refused[f"{path.suffix}: {error}"] += 1
            slowest = max(slowest, (time.perf_counter() - begun, path.name))
            if parser._child is not None and (status := Path(f"/proc/{parser._child.pid}/status")).exists():
                peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
                most = max(most, int(peak.group(1)) if peak else 0)
        parser.close()
        read = sum(1 for path in paths if path in texts)
        print(f"{kind}: {read} of {len(paths)} read; most memory {most / 1000:.0f} MB")
        print(f"    slowest {slowest[0]:.2f} s: {slowest[1]}")
        for reason, count in sorted(refused.items()):
            print(f"    {count} × {reason}")
    return texts


def against_markitdown(texts: dict[Path, str], python: Path, home: Path) -> None:
    paths = [path for path in texts if path.parent.name == "plain" and path.suffix in CONVERTED]
    converted = theirs(python, home, MARKITDOWN, *paths)
    both = [
        (path, words(texts[path]), words(_MARKUP.sub(" ", converted[str(path)]))) for path in paths if converted[str(path)]
    ]
    both = [(path, ours, others) for path, ours, others in both if sum(others.values()) >= 5]
    ours_share = {path: recovered(others, ours) for path, ours, others in both}
    their_share = {path: recovered(ours, others) for path, ours, others in both}
    failed = sum(value is None for value in converted.values())
    shares = (statistics.mean(ours_share.values()), statistics.mean(their_share.values()))
    print(f"words: {len(paths)} plain files of formats that markitdown converts, of which it fails on {failed}")
    print("    of its words ours has {:.3f}, of ours it has {:.3f}".format(*shares))
    for path, share in sorted(ours_share.items(), key=lambda one: one[1])[:12]:
        print(f"    {share:.2f} ({their_share[path]:.2f}) {path.name}")


def filings(data: Path, python: Path, home: Path) -> None:
    import pypdfium2

    from rag.sources.parsers import contents

    paths = sorted((data / "qa" / "kg_rag_sec10q" / "files").glob("*.pdf"))
    by_pypdf = theirs(python, home, PYPDF, *paths)
    begun, texts, pages = time.perf_counter(), {}, 0
    for path in paths:
        (document, *_) = contents(path.read_bytes(), path.name).documents
        texts[path], pages = document.text, pages + len(document.anchors)
    ours = time.perf_counter() - begun
    begun = time.perf_counter()
    for path in paths:
        for page in pypdfium2.PdfDocument(path):
            page.get_textpage().get_text_range()
    alone = time.perf_counter() - begun
    read = [path for path in paths if by_pypdf["texts"][str(path)]]
    shares = [recovered(words(by_pypdf["texts"][str(path)]), words(texts[path])) for path in read]
    rates = (pages / ours, pages / alone, by_pypdf["pages"] / by_pypdf["seconds"])
    print(f"filings: {len(paths)}, pypdf reads {len(read)}; of its words ours has {statistics.mean(shares):.3f}")
    print("pages a second: ours {:.0f}, pypdfium2 alone {:.0f}, pypdf {:.0f}".format(*rates))


def taken_in(folder: Path) -> dict[str, float]:
    from rag import Library
    from rag.models.embedder import MiniLM

    embedder = MiniLM()
    embedder.embed(["warm"])
    with tempfile.TemporaryDirectory() as database:
        begun = time.perf_counter()
        with Library.open(Path(database) / "index", embedder=embedder) as library:
            library.sync(folder)
        seconds = time.perf_counter() - begun
        with Library.open(Path(database) / "index", short_lived=True) as library:
            infos = [info for info in library.documents() if info.state != "failed"]
    files = len({info.source.split("#")[0] for info in infos})
    return {"seconds": seconds, "characters": sum(info.characters for info in infos), "files": files}


def folders(data: Path, python: Path, home: Path, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        mixed, pdfs = Path(place) / "mixed", Path(place) / "pdfs"
        for folder in (mixed, pdfs):
            folder.mkdir()
        reports = sorted((data / "qa" / "kg_rag_sec10q" / "files").glob("*.pdf"))
        for path in [*(data / "formats" / "plain").iterdir(), *reports[:1]]:
            if path.suffix != ".pptx":  # of which the quickstart dies: its parser's metadata are none that its store takes
                shutil.copy(path, mixed)
        lines = (data / "qa" / "squad20_dev" / "corpus.jsonl").read_text("utf-8").splitlines()[:TEXTS]
        for n, line in enumerate(lines):
            (mixed / f"{n}.txt").write_text(json.loads(line)["text"], "utf-8")
        for path in reports:
            shutil.copy(path, pdfs)
        for folder in (mixed, pdfs):
            pairs = []
            for n in range(rounds):
                ours = taken_in_by_itself(folder)
                other = theirs(python, home, TAKE_IN, HERE, folder, Path(place) / f"{folder.name}-{n}")
                print(f"  {folder.name}: rag {ours}, quickstart {other}", flush=True)
                pairs.append((ours, other))
            rates = [(a["characters"] / a["seconds"], b["characters"] / b["seconds"]) for a, b in pairs]
            ratio = statistics.median(a / b for a, b in rates)
            print(f"{folder.name}: characters a second {statistics.median(a for a, _ in rates):,.0f} against"
                  f" {statistics.median(b for _, b in rates):,.0f}: {ratio:.1f} ×")  # fmt: skip


def taken_in_by_itself(folder: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "take-in", str(folder)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    if sys.argv[1:2] == ["take-in"]:
        print(json.dumps(taken_in(Path(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("theirs", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    data, home = given.data.resolve(), given.home.resolve()
    texts = formats(data)
    against_markitdown(texts, given.theirs, home)
    filings(data, given.theirs, home)
    folders(data, given.theirs, home, given.rounds)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
