"""OTLP in: receive, admit, decode, redact, offload, commit, answer.

The process that listens (``http``, ``grpc``) never parses: it admits bodies within a byte budget
(``admission``) and hands them to worker processes (``pool``, ``worker``), which run the whole
``pipeline`` and answer when the database has committed.
"""
