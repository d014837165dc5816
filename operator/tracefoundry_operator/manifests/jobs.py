"""The Job object for given inputs. :mod:`tracefoundry_operator.jobs` decides when it is created."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from tracefoundry_operator import names
from tracefoundry_operator.manifests.rendering import (
    TEMPLATE_CHECKSUM,
    Manifest,
    Rendering,
    checksum,
)
from tracefoundry_operator.names import Component


def job(
    rendering: Rendering,
    component: Component,
    *,
    inputs: Mapping[str, object],
    template: Manifest,
    backoff_limit: int,
    deadline_s: int,
) -> Manifest:
    """A Job that is named by its inputs.

    Args:
        rendering: the instance.
        component: what the Job does.
        inputs: JSON-like data, everything that the Job's result depends on.
        template: of its pods. Its checksum becomes an annotation, by which a Job that never started
            is recognised as outdated.
        backoff_limit: failed pods before the Job fails.
        deadline_s: seconds before the Job fails.

    Raises:
        InvalidName: the instance's name cannot be used.
    """
    return rendering.object(
        "batch/v1",
        "Job",
        component,
        name=names.job_name(rendering.name, component, input_hash(inputs)),
        annotations={TEMPLATE_CHECKSUM: checksum(template)},
        spec={
            "backoffLimit": backoff_limit,
            "activeDeadlineSeconds": deadline_s,
            "template": template,
        },
    )


def input_hash(inputs: Mapping[str, object]) -> str:
    """The hash of a Job's inputs, in hex digits."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode("utf-8")).hexdigest()
