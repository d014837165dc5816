"""Deleting in SQL: what deletion by request, by retention and of payloads share, and each of them.

``batches`` finds and deletes rows in batches; ``locked_traces`` locks traces in the order in which
writers lock them and deletes rows by trace; ``tombstones`` writes what keeps deleted data away.
``by_request`` and ``logs_without_spans`` delete on request, ``expired_traces``,
``expired_imports`` and ``retention_run`` by age, ``payload_needs`` and ``payload_removal`` the
payloads of deleted traces.
``deletion`` is the class that answers for all of it. What only one database does (dropping
partitions, giving pages of a file back) is in ``store/postgres`` and ``store/sqlite``.
"""
