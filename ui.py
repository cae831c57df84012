"""Starts the web interface, with settings from rag.toml and RAG_* variables. Run `python ui.py` or `gradio ui.py`."""

from rag.configuration import load_settings, untrusted_hosts
from rag.errors import RagError
from rag.server.application import serve

if __name__ == "__main__":
    try:
        resolved = load_settings({})
        if hosts := untrusted_hosts(resolved):
            raise SystemExit(
                f"rag: the rag.toml in this folder would send your text to {', '.join(hosts)}; to allow it: rag --trust ui"
            )
        serve(resolved.settings, "127.0.0.1", 7860)
    except RagError as error:
        raise SystemExit(f"rag: {error}\n     {error.hint}") from None
