"""The two custom resources as Python types, read from what the API server delivers.

The schemas in ``crds/`` are the source: the API server fills in defaults and refuses what does not
fit before the operator sees a resource. These types repeat the defaults, so that a resource that
was stored before a field existed reads the same; a test compares them with the schemas.
"""

from __future__ import annotations

GROUP = "tracefoundry.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
"""``apiVersion`` of both resources."""
