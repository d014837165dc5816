"""The Job object for given inputs. :mod:`tracefoundry_operator.jobs` decides when it is created."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from tracefoundry_operator.manifests.rendering import (
    TEMPLATE_CHECKSUM,
    Manifest,
    Owner,
    Rendering,
    checksum,
)
from tracefoundry_operator.names import Component


def job(
    rendering: Rendering,
    component: Component,
    *,
    name: str,
    template: Manifest,
    backoff_limit: int,
    deadline_s: int,
    owner: Owner | None = None,
    failure_policy: Manifest | None = None,
) -> Manifest:
    """A Job.

    Args:
        rendering: the instance.
        component: what the Job does.
        name: with a hash of everything that the Job's result depends on (:func:`input_hash`).
        template: of its pods. Its checksum becomes an annotation, by which a Job that never started
            is recognised as outdated.
        backoff_limit: failed pods before the Job fails.
        deadline_s: seconds before the Job fails.
        owner: that the Job is deleted with; by default the instance.
        failure_policy: which failures of pods make the Job fail at once.
    """
    policy = {} if failure_policy is None else {"podFailurePolicy": failure_policy}
    return rendering.object(
        "batch/v1",
        "Job",
        component,
        name=name,
        owner=owner,
        annotations={TEMPLATE_CHECKSUM: checksum(template)},
        spec={
            "backoffLimit": backoff_limit,
            "activeDeadlineSeconds": deadline_s,
            **policy,
            "template": template,
        },
    )


def input_hash(inputs: Mapping[str, object]) -> str:
    """The hash of a Job's inputs, in hex digits."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode("utf-8")).hexdigest()
