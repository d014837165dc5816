"""What a TraceFoundry consists of, as pure functions from its spec to Kubernetes objects.

One module a component. Rendering the same input gives the same objects, byte for byte, and never
reads a clock, the network or the environment: drift is then whatever differs from it. Lists are
left out where they would be empty, because the API server drops some empty lists and every apply
would look like a change.
"""

from __future__ import annotations
