"""The JSON contracts: the shape of every `--json` output, derived from the records. Fields may be added, never renamed."""
