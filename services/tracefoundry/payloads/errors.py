"""Errors of the payload store.

Messages are logged and shown to callers, so they never have content, keys or credentials in them.
"""

from __future__ import annotations


class PayloadError(Exception):
    """Base of this package's errors; the message says what to do."""


class PayloadCorrupt(PayloadError):
    """The stored bytes are no longer those that the ref names; they are never served.

    Attributes:
        ref: the payload that cannot be read.
    """

    def __init__(self, ref: str, what: str) -> None:
        super().__init__(
            f"payload {ref} is damaged in the object store ({what}): it is not served;"
            " restore the object from a backup, or delete the trace"
        )
        self.ref = ref


class PayloadMissing(PayloadError):
    """A payload, or a blob that it is assembled from, is not in the store.

    Attributes:
        ref: the payload that was not found.
    """

    def __init__(self, ref: str) -> None:
        super().__init__(f"payload {ref} is not in the store")
        self.ref = ref


class UnknownKey(PayloadError):
    """A payload was encrypted with a key that is not configured.

    Attributes:
        ref: the payload that cannot be read.
        key_id: the id of the key it needs.
    """

    def __init__(self, ref: str, key_id: str) -> None:
        super().__init__(
            f"payload {ref} is encrypted with key {key_id!r}, which is not in"
            " TRACEFOUNDRY_ENCRYPTION_KEYS: add that key again, after the current one"
        )
        self.ref = ref
        self.key_id = key_id


class InvalidKeys(PayloadError, ValueError):
    """``TRACEFOUNDRY_ENCRYPTION_KEYS`` cannot be used; the message quotes no part of its value."""


class ObjectStoreError(PayloadError):
    """Base of the object stores' errors."""


class ObjectStoreUnavailable(ObjectStoreError):
    """The object store failed; the same request may succeed later (503 to a sender).

    The message is for the log: it may name the bucket, the endpoint or the folder.

    Attributes:
        public: what callers, senders and probes are told. It names none of these.
    """

    def __init__(
        self, message: str, *, public: str = "the payload store cannot be reached"
    ) -> None:
        super().__init__(message)
        self.public = public


class NoObjectStore(ObjectStoreUnavailable):
    """This process was started without a payload store."""

    def __init__(self) -> None:
        text = "no payload store is configured here: set TRACEFOUNDRY_PAYLOAD_URL as ingest has it"
        super().__init__(text, public=text)


class ObjectStoreMisconfigured(ObjectStoreError, ValueError):
    """The payload URL can never work; the message says which forms are possible."""


class ObjectMissing(ObjectStoreError):
    """The object is not in the store.

    Attributes:
        name: ``<project>/<yyyy-mm-dd>/<sha256>``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"object {name} is not in the object store")
        self.name = name
