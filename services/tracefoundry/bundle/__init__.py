"""Bundles: traces as files that anyone can verify, open and replay without a server."""
