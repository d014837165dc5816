"""Why something about access is refused: one error type, whose kind the callers translate."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "invalid",
    "out_of_bounds",
    "forbidden_project",
    "unknown_project",
    "unknown_token",
    "ambiguous_token",
    "name_taken",
]


class AccessError(Exception):
    """A change of tokens or projects that cannot be made.

    Attributes:
        kind: what kind of refusal it is, which also is the API's error code.
        remedy: what can be done.
        field: the name of the value that is wrong, where it is one.
    """

    def __init__(self, kind: Kind, message: str, remedy: str, *, field: str = "") -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.remedy = remedy
        self.field = field


class Unauthenticated(Exception):
    """No token, or none that is accepted. The message never holds what was sent."""
