"""SQLite as a span store: one file, one span-writing process, WAL and synchronous=FULL."""
