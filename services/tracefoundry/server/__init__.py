"""Composition: which parts run in which process, on which ports, and how a process ends.

``process`` starts what ``serve``, ``ingest`` and ``query`` run; ``ui`` is the process in front of a
query service. ``stores`` is the only module here that opens databases and object stores. The
commands that people type are in ``cli``; this package knows none of them.
"""
