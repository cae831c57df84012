"""Takes each guard out of a copy of the source, and makes sure that a test fails without it.

    uv run python tests/torture/guards.py [WORDS]

A guard is a line of the source and what it becomes without the guard; WORDS choose those whose name has them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_MOST_S = 240

# name → (file, the line, without the guard, the test that must fail)
GUARDS = {
    "a private host is not asked": (
        "rag/sources/web_pages.py", "if not self._allow_private and not all(map(is_public, addresses)):", "if False:",
        "tests/sources/test_web_pages.py -k no_private_host",
    ),
    "the address that was looked at is asked": (
        "rag/sources/web_pages.py", "socket.create_connection((address, port)", "socket.create_connection((socket.getaddrinfo(host, port)[0][4][0], port)",
        "tests/sources/test_web_pages.py -k changes_its_mind",
    ),
    "robots.txt is heard": (
        "rag/sources/web_pages.py", "if not self._robots[host].can_fetch(AGENT, url):", "if False:", "tests/sources/test_web_pages.py -k robots",
    ),
    "a page has an end": (
        "rag/sources/web_pages.py", "if len(body) > limit or (decompressor and decompressor.unconsumed_tail):", "if False:",
        "tests/sources/test_web_pages.py -k may_do_to_us",
    ),
    "a zip bomb is not unpacked": (
        "rag/sources/decoding/zipped_xml.py", "if part.file_size > _MOST_BYTES or (", "if False and (",
        "tests/sources/parsers/test_formats.py -k bomb",
    ),
    "nothing outside a file is read": (
        "rag/sources/decoding/zipped_xml.py", "resolve_entities=False, no_network=True, load_dtd=False", "resolve_entities=True, load_dtd=True",
        "tests/sources/parsers/test_formats.py -k outside",
    ),
    "a hang of a parser is ended": (
        "rag/child_process.py", "                self._process.kill()\n                return", "                return",
        "tests/torture/test_mixed.py -k hangs",
    ),
    "pages have checksums": (
        "rag/index/catalog/connection.py", 'vfs="cksmvfs")', 'vfs="unix")',
        "tests/torture/test_damage.py -k never_answered_from",
    ),
    "acknowledged commits are counted beside the catalog": (
        "rag/index/catalog/connection.py", "acknowledged[1] > commits", "acknowledged[1] > commits + 10**9",
        "tests/torture/test_damage.py -k lost_log",
    ),
    "an empty catalog is no new one": (
        "rag/index/catalog/connection.py", "if acknowledged and not is_there else", "if acknowledged and False else",
        "tests/torture/test_damage.py -k never_answered_from",
    ),
    "a file cut off at its end is seen": (
        "rag/index/catalog/connection.py", "if self._is_cut_off():", "if False:",
        "tests/torture/test_damage.py -k never_answered_from",
    ),
    "another program's file is refused": (
        "rag/index/catalog/schema.py", "if (version == 0 and tables)", "if (version < 0 and tables)",
        "tests/torture/test_damage.py -k another_file",
    ),
    "a newer catalog is refused": (
        "rag/index/catalog/schema.py", "if version > VERSION:", "if version > 10**6:", "tests/index/catalog/test_schema.py -k newer",
    ),
    "a generation is trusted to the byte": (
        "rag/index/chroma/seal.py", 'sealed["files"] == _files(self._folder)', "True",
        "tests/index/test_vector_search.py -k differs",
    ),
    "an unsealed generation is not opened": (
        "rag/index/chroma/seal.py", "        except (OSError, ValueError, KeyError, TypeError):\n            return None",
        '        except (OSError, ValueError, KeyError, TypeError):\n            return ":3"',
        "tests/index/test_vector_search.py -k differs",
    ),
    "the child keeps the lock": (
        "rag/index/chroma/process.py", 'inherit = [lock] if lock is not None and sys.platform != "win32" else []', "inherit = []",
        "tests/index/test_vector_search.py -k outlives",
    ),
    "a hang of Chroma is ended": (
        "rag/index/chroma/process.py", "child.request(message, payload, limit_s=limit_s)", "child.request(message, payload, limit_s=10**6)",
        "tests/index/test_vector_search.py -k hang",
    ),
    "a crash of Chroma is answered through": (
        "rag/index/vector_search.py", "                self._fail(error)\n                return self.nearest(vector, k)", "                raise",
        "tests/index/test_vector_search.py -k crash",
    ),
    "the scan follows the log": (
        "rag/index/vector_search.py", "        while entries := self._catalog.changes.after(self._scanned, _SCANNED):", "        while entries := []:",
        "tests/index/test_vector_search.py -k second_process",
    ),
    "a cleared log makes scans begin anew": (
        "rag/index/vector_search.py", " and self._scanned >= trimmed", "", "tests/index/test_vector_search.py -k copies_what_is_there",
    ),
    "another edition makes scans begin anew": (
        "rag/index/vector_search.py", "self._scanned_edition == edition and ", "", "tests/index/maintenance/test_reindex.py -k scans_follows",
    ),
    "a search is of one moment": (
        "rag/retrieval/search.py", "with self._catalog.snapshot():", "if True:", "tests/test_library.py -k during_a_search",
    ),
    "an answer is quoted again when its document changed": (
        "rag/answering/answerer.py", "if not self._has_changed(found):", "if True:", "tests/test_library.py -k while_it_is_quoted",
    ),
    "a removal during an import holds": (
        "rag/index/ingest.py", "                if self._catalog.files.is_removed(ready.root_id, ready.document.source):", "                if False:",
        "tests/test_library.py -k removed_while_it_is_imported",
    ),
    "nothing is stored for what was removed": (
        "rag/index/catalog/writing.py", "                return []  # removed by hand meanwhile", "                pass",
        "tests/test_library.py -k long_one_removed",
    ),
    "many vanished documents are held": (
        "rag/index/ingest.py", "held = lost if many and not prune else []", "held = []", "tests/index/test_ingest.py",
    ),
    "the time of an entry's change counts": (
        "rag/index/ingest.py", "same = (found.size, found.mtime_ns, found.ctime_ns) == (seen.size, seen.mtime_ns, seen.ctime_ns)",
        "same = (found.size, found.mtime_ns) == (seen.size, seen.mtime_ns)", "tests/index/test_ingest.py -k old_time",
    ),
    "names are forgotten": (
        "rag/index/catalog/schema.py", "return hashlib.blake2b(name.encode(), key=catalog.encode(), digest_size=16).digest()",
        "return name.encode()", "tests/index/maintenance/test_compaction.py -k means_gone",
    ),
    "a backup is not restored under others": (
        "rag/index/catalog/backup.py", "    if fcntl is None:\n        return", "    return", "tests/torture/test_damage.py -k under_others",
    ),
    "onnxruntime reports nothing": (
        "rag/models/embedder.py", 'os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"', "",
        "tests/test_network.py -k no_traces",
    ),
    "runs of stops are read once": ("rag/text/sentences.py", "(?<![.!?…])", "", "tests/test_bounded.py -k sentences"),
    "changes are committed together": (
        "rag/index/catalog/connection.py", 'connection.execute("BEGIN IMMEDIATE")\n            try:\n                yield\n',
        'connection.execute("BEGIN IMMEDIATE")\n            try:\n                connection.execute("COMMIT")\n'
        '                yield\n                connection.execute("BEGIN IMMEDIATE")\n',
        "tests/torture/test_kill.py -k any_point",
    ),
}  # fmt: skip


def fails_without(file: str, line: str, without: str, test: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        skipped = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")
        own_index = str(ROOT)  # only the index in the root is data; rag/index and tests/index are code
        shutil.copytree(ROOT, copy, ignore=lambda at, names: {*skipped(at, names), *(["index"] if at == own_index else [])})
        source = (copy / file).read_text("utf-8")
        if source.count(line) != 1:
            raise SystemExit(f"{file} has this {source.count(line)} times: {line}")
        (copy / file).write_text(source.replace(line, without), "utf-8")
        name, *words = test.split(" ", 2)
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", name, *words],
            cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = child.communicate(timeout=_MOST_S)
        except subprocess.TimeoutExpired:  # hung without its guard
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return True
        if child.returncode not in (0, 1):
            raise SystemExit(said[-2000:])
        return child.returncode == 1


def main() -> None:
    chosen = {name: guard for name, guard in GUARDS.items() if all(word in name for word in sys.argv[1:])}
    idle = []
    for name, guard in chosen.items():
        needed = fails_without(*guard)
        print(f"{'needed' if needed else 'IDLE  '}  {name}", flush=True)
        idle += [] if needed else [name]
    raise SystemExit(1 if idle else 0)


if __name__ == "__main__":
    main()
