"""A ServiceAccount for each component, without rights and without a mounted token.

They are apart so that rights given to one, such as the collector's for Kubernetes attributes, are
not given to all.
"""

from __future__ import annotations

from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component


def render(rendering: Rendering) -> list[Manifest]:
    """One for each component."""
    return [
        rendering.object("v1", "ServiceAccount", component, automountServiceAccountToken=False)
        for component in Component
    ]
