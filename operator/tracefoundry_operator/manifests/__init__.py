"""The objects of a TraceFoundry: pure functions from its spec to Kubernetes objects.

One module for each component. The same input gives the same objects, byte for byte; nothing here
reads a clock, the network or the environment. So every difference in the cluster is drift. Empty
lists are left out, because the API server drops some of them and every apply would be a change.
"""

from __future__ import annotations
