"""PostgreSQL 15 to 18 as a span store, written with psycopg 3 and hand-built binary COPY rows."""
