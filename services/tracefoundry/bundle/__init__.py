"""Bundles: traces as one file that anyone can verify, open and import without this server.

A bundle is a zip of a strict profile (docs/bundle-format.md). ``writing`` and ``reading`` are the
two ends; ``verification`` proves a file; ``signature`` says who vouches for it. The modules below
them each know one part: the zip, canonical JSON, chunks of OTLP, payload files and packs.
"""
