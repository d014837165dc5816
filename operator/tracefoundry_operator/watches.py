"""Events of watches go into the state, and the loops of affected resources are woken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from tracefoundry_operator.cluster import Body
from tracefoundry_operator.kinds import Kind, ObjectKey, key_of_body
from tracefoundry_operator.metrics import Stopwatch
from tracefoundry_operator.names import APPLICATION, MANAGER
from tracefoundry_operator.state import Affected, State

SELECTOR = f"app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/part-of={APPLICATION}"
"""Labels of all children and their pods. Other objects are not listed or watched: they would cost
memory."""


class Wakes(Protocol):
    """Starts passes over resources of one kind."""

    def wake(self, key: ObjectKey) -> None:
        """Run a pass over this resource soon."""


class Watches:
    """Connects watches and comparisons with the state and the loops."""

    def __init__(
        self, state: State, *, kinds: tuple[Kind, ...], loops: Mapping[str, Wakes]
    ) -> None:
        """
        Args:
            state: takes the objects in.
            kinds: that are watched.
            loops: by kind of custom resource.
        """
        self._state = state
        self._loops = loops
        self.ages = {kind.name: Stopwatch() for kind in kinds}
        """Time since the last event of a watch, by kind."""
        self.on_event: Callable[[Kind, str], None] = lambda kind, namespace: None
        """Called with the kind and namespace of each event of a watch."""

    def event(self, kind: Kind, type_: str | None, body: Body) -> None:
        """Take in an event of a watch. ``type_`` is None for the objects of its first list."""
        self.ages[kind.name].reset()
        self.on_event(kind, body["metadata"]["namespace"])
        if type_ == "DELETED":
            self.forget(key_of_body(kind, body), uid=body["metadata"]["uid"])
        else:
            self.observe(kind, body)

    def observe(self, kind: Kind, body: Body) -> None:
        """Take in an object."""
        self.wake(self._state.observe(kind, body))

    def forget(self, key: ObjectKey, *, uid: str | None = None) -> None:
        """Drop an object that does not exist any more; with a ``uid``, that one only."""
        self.wake(self._state.forget(key, uid=uid))

    def wake(self, affected: Affected) -> None:
        """Run passes over these resources soon."""
        for key in affected:
            self._loops[key.kind].wake(key)
