"""Errors of the API: one shape, whatever went wrong."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tracefoundry.schemas.fields import Moment


class Error(msgspec.Struct):
    """What went wrong, and what the caller can do."""

    code: Annotated[
        str, Meta(description="What kind of error; does not change.", examples=["not_found"])
    ]
    message: Annotated[str, Meta(description="What is wrong, with the input that is meant.")]
    remedy: Annotated[str, Meta(description="What the caller can do.")]


class ErrorAnswer(msgspec.Struct):
    """The answer to a request that failed."""

    error: Error


class Tombstone(msgspec.Struct):
    """When and why a payload went."""

    state: Literal["expired", "deleted", "missing"]
    at: Moment | None
    reason: str | None


class PayloadGoneError(Error):
    """A payload that was stored once."""

    tombstone: Tombstone


class PayloadGoneAnswer(msgspec.Struct):
    """The answer to a request for a payload that is stored no more."""

    error: PayloadGoneError
