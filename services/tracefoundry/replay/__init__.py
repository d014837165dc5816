"""Replay: looking through a trace as a replay would need it, and running an agent again.

:mod:`.dry` rebuilds the tree and checks every payload, of stored traces (:mod:`.stored`) and of
bundles (:mod:`.bundled`).
"""
