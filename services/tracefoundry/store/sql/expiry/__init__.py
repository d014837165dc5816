"""What retention does to the database: locks, partitions, rows in batches, summaries, marks.

Nothing here decides what is too old; the callers pass days and instants.
"""
