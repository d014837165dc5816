"""Where content is kept: named by its SHA-256, compressed, encrypted if asked, apart from metadata.

``offload`` takes content out of spans and logs, ``storing`` puts that of a commit into an object
store, ``lists`` and ``packs`` read it back, verified.
"""
