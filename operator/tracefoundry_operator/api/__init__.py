"""The two custom resources as Python types, read from what the API server delivers.

The schemas in ``crds/`` are authoritative: the API server sets defaults and validates before the
operator sees a resource. These types repeat the defaults for resources that were stored before a
field existed; a test compares them with the schemas.
"""

from __future__ import annotations

GROUP = "tracefoundry.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
"""``apiVersion`` of both resources."""
