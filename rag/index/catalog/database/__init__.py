"""Opens, migrates, writes and backs up the catalog's SQLite file. The only package that uses apsw (SQLite)."""
