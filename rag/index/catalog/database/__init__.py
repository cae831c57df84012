"""The catalog's SQLite file: opening it, its schema, transactions, errors, and backups. The only home of apsw (SQLite)."""
