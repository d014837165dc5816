"""The children of all custom resources, and which resource each of them belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.records import Child
from tracefoundry_operator.snapshot import Applied


class Children:
    """Records of children by key and by owner, with the last apply of each."""

    __slots__ = ("_applied", "_by_owner", "_records")

    def __init__(self) -> None:
        self._records: dict[ObjectKey, Child] = {}
        self._by_owner: defaultdict[str, set[ObjectKey]] = defaultdict(set)
        self._applied: dict[ObjectKey, Applied] = {}

    @property
    def records(self) -> Mapping[ObjectKey, Child]:
        """All records by key; changes with them."""
        return MappingProxyType(self._records)

    def get(self, key: ObjectKey) -> Child | None:
        """The record of a child."""
        return self._records.get(key)

    def put(self, child: Child) -> None:
        """Keep a record, also of a child that has another owner now."""
        known = self._records.get(child.key)
        if known is not None and known.owner_uid != child.owner_uid:
            self.drop(child.key)
        self._records[child.key] = child
        self._by_owner[child.owner_uid].add(child.key)

    def drop(self, key: ObjectKey) -> Child | None:
        """Forget a child and what was applied to it; returns its record."""
        child = self._records.pop(key, None)
        self._applied.pop(key, None)
        if child is not None:
            keys = self._by_owner[child.owner_uid]
            keys.discard(key)
            if not keys:
                del self._by_owner[child.owner_uid]
        return child

    def record_apply(self, key: ObjectKey, applied: Applied) -> None:
        """Note what was applied to a child."""
        self._applied[key] = applied

    def of(self, owner_uid: str) -> Mapping[ObjectKey, Child]:
        """A copy of the records of an owner's children, in the order of their keys."""
        keys = sorted(self._by_owner.get(owner_uid, ()))
        return MappingProxyType({key: self._records[key] for key in keys})

    def applied_of(self, owner_uid: str) -> Mapping[ObjectKey, Applied]:
        """A copy of what was applied to them."""
        keys = sorted(self._by_owner.get(owner_uid, ()))
        return MappingProxyType({key: self._applied[key] for key in keys if key in self._applied})
