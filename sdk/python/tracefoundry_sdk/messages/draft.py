"""The messages of a streamed reply while they grow.

Parts stand in the order in which they began, and each choice of the model is a message of its own.
A stream without an end must not fill the memory, so what is kept is bounded.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Literal

from tracefoundry_sdk.messages.fields import (
    Part,
    reasoning_part,
    text_part,
    tool_call_part,
    word,
)
from tracefoundry_sdk.messages.inputs import Message
from tracefoundry_sdk.messages.replies import assistant_message

MAX_CHARACTERS = 8 << 20
"""Text of one reply that is kept; the export would cut what is beyond."""
MAX_PARTS = 1_000
"""Parts of one reply, and choices, that are kept."""

Kind = Literal["text", "reasoning", "tool"]


@dataclass(slots=True)
class _Growing:
    kind: Kind
    text: StringIO = field(default_factory=StringIO)  # of a tool call: its arguments
    call_id: str | None = None
    name: str | None = None

    def part(self) -> Part:
        text = self.text.getvalue()
        if self.kind == "tool":
            return tool_call_part(self.call_id, self.name, text)
        return text_part(text) if self.kind == "text" else reasoning_part(text)


@dataclass(slots=True)
class _Choice:
    parts: dict[Hashable, _Growing | Part] = field(default_factory=dict)
    last: Hashable = None
    reason: str | None = None  # in the provider's words


class ReplyDraft:
    """Takes pieces and whole parts by the index of their choice and a key within it."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._characters = 0
        self._parts = 0

    def append(self, index: int, key: Hashable, kind: Kind, piece: Any) -> _Growing | None:
        """Add text to the part of this key, which begins with it; None if there is no such part."""
        choice = self._choice(index)
        part = choice.parts.get(key)
        if part is None:
            if not self._room():
                return None
            part = choice.parts[key] = _Growing(kind)
            choice.last = key
        if not isinstance(part, _Growing):
            return None
        if isinstance(piece, str) and piece and self._characters < MAX_CHARACTERS:
            self._characters += len(piece)
            part.text.write(piece)
        return part

    def append_to_last(self, index: int, kind: Kind, piece: Any) -> None:
        """Add to the last part if it is of this kind, else begin one."""
        choice = self._choice(index)
        last = choice.parts.get(choice.last)
        joins = isinstance(last, _Growing) and last.kind == kind
        self.append(index, choice.last if joins else ("part", len(choice.parts)), kind, piece)

    def append_tool(
        self, index: int, key: Hashable, *, call_id: Any = None, name: Any = None, piece: Any = None
    ) -> None:
        """Add what a chunk says of a tool call."""
        part = self.append(index, key, "tool", piece)
        if part is not None:
            part.call_id = part.call_id or word(call_id)
            part.name = part.name or word(name)

    def add(self, index: int, part: Part, key: Hashable = None) -> None:
        """Add a part that comes whole, in the place of one of the same key."""
        choice = self._choice(index)
        if key is None:
            key = ("part", len(choice.parts))
        if key in choice.parts or self._room():
            choice.parts[key] = part
            choice.last = key

    def has(self, index: int, key: Hashable) -> bool:
        """Whether a part of this key has begun."""
        choice = self._choices.get(index)
        return choice is not None and key in choice.parts

    def finish(self, index: int, reason: Any) -> None:
        """Note why a choice ended; anything but a word says nothing."""
        if (found := word(reason)) is not None:
            self._choice(index).reason = found

    def messages(self) -> list[Message]:
        """One message for each choice."""
        return [
            assistant_message([_finished(part) for part in choice.parts.values()], choice.reason)
            for choice in self._sorted()
            if choice.parts or choice.reason is not None
        ]

    def finish_reasons(self) -> list[str]:
        """Of each choice, in the provider's words."""
        return [choice.reason for choice in self._sorted() if choice.reason is not None]

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = _Choice()
            if len(self._choices) < MAX_PARTS:
                self._choices[index] = choice
        return choice

    def _room(self) -> bool:
        self._parts += self._parts <= MAX_PARTS
        return self._parts <= MAX_PARTS

    def _sorted(self) -> list[_Choice]:
        return [choice for _, choice in sorted(self._choices.items())]


def _finished(part: _Growing | Part) -> Part:
    return part.part() if isinstance(part, _Growing) else part
