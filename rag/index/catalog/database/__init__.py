"""Opens, migrates, writes and backs up the catalog's SQLite file. No other package uses apsw, which wraps SQLite."""
