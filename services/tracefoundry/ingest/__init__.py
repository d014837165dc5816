"""OTLP ingest: receive, admit, decode, redact, offload, commit, answer.

The listening process (``http``, ``grpc``) does not parse bodies. It admits them within a byte
budget (``admission``) and passes them to worker processes (``pool``, ``worker``). A worker runs the
whole ``pipeline`` and answers after the database has committed.
"""
