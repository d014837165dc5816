"""Actions: the requests that a plan consists of, and the outcome of executing them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracefoundry_operator.kinds import ObjectKey, key_of
from tracefoundry_operator.manifests.rendering import Manifest
from tracefoundry_operator.records import Child


@dataclass(frozen=True, slots=True)
class _OfManifest:
    manifest: Manifest

    @property
    def key(self) -> ObjectKey:
        """The object that is changed."""
        return key_of(self.manifest)


@dataclass(frozen=True, slots=True)
class Apply(_OfManifest):
    """Apply the manifest server-side. ``known``: the object exists and belongs to the owner."""

    known: bool


@dataclass(frozen=True, slots=True)
class HandOver(_OfManifest):
    """Give ``spec.replicas`` to another field manager, with its present value."""


@dataclass(frozen=True, slots=True)
class Suspend(_OfManifest):
    """Set ``spec.suspend`` of a CronJob and change nothing else of it."""


@dataclass(frozen=True, slots=True)
class Expire(_OfManifest):
    """Set the time to live of a finished Job and change nothing else of it."""


@dataclass(frozen=True, slots=True)
class Create(_OfManifest):
    """Create the object if it does not exist; it is never updated. ``requires``: an object that has
    to be there before; without it nothing is done, and the error is that of the other object."""

    requires: ObjectKey | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object with this uid."""

    child: Child

    @property
    def key(self) -> ObjectKey:
        """The object that is deleted."""
        return self.child.key


Action = Apply | HandOver | Suspend | Expire | Create | Delete


@dataclass(slots=True)
class Outcome:
    """The result of executing the actions of a plan."""

    errors: list[str] = field(default_factory=list)
    """One sentence for each object with an error."""
    transient: bool = False
    """Whether another pass should follow soon: an error may be gone at the next try, or an object
    was there that the plan did not know."""
    terminating: bool = False
    """The namespace is being deleted; the remaining actions were skipped."""
    changed: int = 0
    """Requests that changed something."""
    children: dict[ObjectKey, Child] = field(default_factory=dict)
    """Children as the API server returned them."""
