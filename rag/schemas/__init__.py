"""The JSON contracts: the shape of every `--json` output, derived from the records. Fields are added, never renamed."""
