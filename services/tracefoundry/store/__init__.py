"""Where spans, logs and trace summaries live: one contract, PostgreSQL and SQLite behind it.

``contract`` says in words what a store promises. Writing goes through plain drivers
(``postgres``, ``sqlite``) because its speed is the product; reading goes through one SQLAlchemy
query builder for both databases (``tables``, ``reader``).
"""
