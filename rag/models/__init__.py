"""Models: the shipped embedder, an embeddings endpoint, chat models, and model servers on this machine."""
