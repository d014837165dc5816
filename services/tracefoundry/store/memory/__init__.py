"""A store that keeps everything in the memory of one process.

It exists for two reasons: tests of code above the store are fast with it, and it proves that the
rules of the store (``store.commit``, ``store.recompute``) and its seam (``store.api``) depend on no
database. It is written to be read: every table is a dict, and every question looks through all of
it. ``store/README.md`` takes it as the example of how to write a store.
"""
