"""What the two SQL databases share: tables, connections, reading, deleting, administration.

PostgreSQL and SQLite differ in how rows are written (``store/postgres``, ``store/sqlite``). The
rest is one query builder (SQLAlchemy Core).
"""
