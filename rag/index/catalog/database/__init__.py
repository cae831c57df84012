"""The catalog's SQLite file: opening, schema, transactions, errors and backups. The only user of apsw (SQLite)."""
