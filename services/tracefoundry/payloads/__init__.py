"""The payload store: content named by its SHA-256, compressed, encrypted if keys are configured.

``offload`` takes content out of spans and logs, ``storing`` puts the content of a commit into an
object store, ``lists`` and ``packs`` read it back and verify it.
"""
