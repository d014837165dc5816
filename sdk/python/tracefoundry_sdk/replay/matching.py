"""Which recorded call answers a call.

First the tool call id, else kind, agent path, name and SHA-256 of the canonical arguments; calls
with one key are given out in the order in which they were recorded, each once. The order alone
never decides, so that concurrent calls may come in another order than they were recorded in.

A recorded call is compared member by member, and not by its hash, where something was redacted in
its arguments or where it does not have all of a model call's members.
"""

from __future__ import annotations

import difflib
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tracefoundry_sdk.replay.arguments import canonical, digest, has_marker, matches
from tracefoundry_sdk.replay.recording import PRESENT, RecordedCall

OTHER_PROCESS = "*"
"""First in an agent path: agents of other processes may come before the rest of the path."""

_LLM_MEMBERS = frozenset({"model", "input", "system", "tools", "parameters"})
_MAX_COMPARED = 50  # candidates for the nearest recorded call
_MAX_COMPARED_CHARACTERS = 4_000
_MAX_DIFF_LINES = 200

Wanted = Literal["result", "http", "nothing"]


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of the agent that runs now."""

    kind: str
    name: str
    agent_path: list[str] = field(default_factory=list)
    call_id: str | None = None
    arguments: Any = None
    alternatives: list[Any] = field(default_factory=list)  # other forms of the arguments
    wanted: Wanted = "result"  # what the answer must hold: a result, a reply of HTTP, or neither


@dataclass(slots=True)
class Match:
    """The recorded call that answers, and how it was found."""

    record: RecordedCall
    how: str
    through_marks: bool = False  # a redaction mark stood for a part of the arguments


@dataclass(slots=True)
class Miss:
    """Why there is no answer."""

    message: str
    nearest: RecordedCall | None = None
    diff: str | None = None
    diverged: bool = False  # the nearest is the same call with other arguments


class Matcher:
    """Gives out the calls of a recording, each once. Not safe for threads: the server locks."""

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        self._calls = sorted(calls, key=lambda call: call.start_time_ns)
        self._used = [False] * len(self._calls)
        self._by_id: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._by_hash: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._compared: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, call in enumerate(self._calls):
            if call.call_id:
                self._by_id[call.kind, call.call_id].append(index)
            self._by_name[call.kind, call.name].append(index)
            if call.arguments_state != PRESENT:
                continue
            if _is_whole(call):
                self._by_hash[call.kind, call.name, digest(call.arguments)].append(index)
            else:
                self._compared[call.kind, call.name].append(index)

    def take(self, call: Call) -> Match | Miss:
        """The recorded call for this one, which is then used up; else why there is none."""
        index, how = self._find(call)
        for arguments in call.alternatives:
            if index is not None and _arguments_match(self._calls[index], call.arguments):
                break
            call = replace(call, arguments=arguments)
            index, how = self._find(call)
        if index is None:
            return self._miss(call)
        record = self._calls[index]
        if not _arguments_match(record, call.arguments):
            return self._differs(record, call, f"recorded call with the id {call.call_id}")
        if (absent := _absent(record, call)) is not None:
            self._used[index] = True
            return Miss(absent, nearest=record)
        self._used[index] = True
        return Match(record, how, through_marks=has_marker(record.arguments))

    def unused(self) -> list[RecordedCall]:
        """Recorded calls that nothing has asked for."""
        return [call for call, used in zip(self._calls, self._used, strict=True) if not used]

    def _find(self, call: Call) -> tuple[int | None, str]:
        if call.call_id:
            ids = self._by_id.get((call.kind, call.call_id), ())
            if (index := next((i for i in ids if not self._used[i]), None)) is not None:
                return index, "tool call id"
        key = (call.kind, call.name, digest(call.arguments))
        for index in self._unused_at(self._by_hash.get(key, ()), call):
            return index, "arguments"
        for index in self._unused_at(self._compared.get(key[:2], ()), call):
            record = self._calls[index]
            if _arguments_match(record, call.arguments):
                marked = has_marker(record.arguments)
                return index, "arguments with redaction marks" if marked else "known arguments"
        return None, ""

    def _unused_at(self, indices: Iterable[int], call: Call) -> Iterator[int]:
        for index in indices:
            record = self._calls[index]
            if not self._used[index] and _same_path(record.agent_path, call.agent_path):
                yield index

    def _miss(self, call: Call) -> Miss:
        what = f"{call.kind} call {call.name!r}"
        place = list(self._unused_at(self._by_name.get((call.kind, call.name), ()), call))
        for index in place:
            record = self._calls[index]
            if record.arguments_state != PRESENT:
                self._used[index] = True
                return Miss(
                    f"the arguments of the recorded {what} are {record.arguments_state}, so it "
                    "cannot be matched; export the trace with its payloads",
                    nearest=record,
                )
        if place:
            nearest = self._nearest(place, call)
            return self._differs(nearest, call, f"recorded {what} by the same agent")
        same_name = self._by_name.get((call.kind, call.name), [])
        others = [i for i, other in enumerate(self._calls) if other.kind == call.kind]
        message = f"the recording has no {what}"
        if same_name:
            nearest = self._nearest(same_name, call)
            at = "/".join(nearest.agent_path) or "no agent"
            same_place = _same_path(nearest.agent_path, call.agent_path)
            message = (
                f"every recorded {what} with a place here was used already"
                if same_place
                else f"the recorded {what} is by {at}, this one by "
                f"{'/'.join(call.agent_path) or 'no agent'}"
            )
            return Miss(message, nearest=nearest, diff=_diff(nearest.arguments, call.arguments))
        if not others:
            return Miss(message)
        nearest = self._nearest(others, call)
        return Miss(message, nearest=nearest, diff=_diff(nearest.arguments, call.arguments))

    def _differs(self, record: RecordedCall, call: Call, what: str) -> Miss:
        if record.arguments_state != PRESENT:
            return Miss(f"the arguments of the {what} are {record.arguments_state}", nearest=record)
        return Miss(
            f"the {what} has other arguments",
            nearest=record,
            diff=_diff(record.arguments, call.arguments),
            diverged=True,
        )

    def _nearest(self, indices: list[int], call: Call) -> RecordedCall:
        """The most similar of the calls, by name and the text of their arguments."""
        wanted = f"{call.name} {canonical(call.arguments)}"[:_MAX_COMPARED_CHARACTERS]

        def similarity(index: int) -> float:
            record = self._calls[index]
            text = f"{record.name} {canonical(record.arguments)}"[:_MAX_COMPARED_CHARACTERS]
            return difflib.SequenceMatcher(None, wanted, text, autojunk=True).quick_ratio()

        return self._calls[max(indices[:_MAX_COMPARED], key=similarity)]


def _is_whole(call: RecordedCall) -> bool:
    """All of the arguments are known to the byte, so that their hash can be compared."""
    if has_marker(call.arguments):
        return False
    if call.kind != "llm":
        return True
    return isinstance(call.arguments, dict) and call.arguments.keys() == _LLM_MEMBERS


def _arguments_match(record: RecordedCall, now: Any) -> bool:
    if record.arguments_state != PRESENT:
        return False
    recorded = record.arguments
    if record.kind == "llm" and isinstance(recorded, dict) and isinstance(now, dict):
        return all(matches(item, now.get(name)) for name, item in recorded.items())
    return matches(recorded, now)


def _absent(record: RecordedCall, call: Call) -> str | None:
    """Which content the answer would need and the recording lacks."""
    if record.error is not None or call.wanted == "nothing":
        return None
    what = f"recorded {record.kind} call {record.name!r}"
    if call.wanted == "http":
        if record.raw_response is None:
            return (
                f"the raw reply of the {what} was not kept; record with "
                "quick_start(record=True), or decorate the function that makes the call"
            )
        return None
    if record.result_state != PRESENT and record.raw_response is None:
        return f"the result of the {what} is {record.result_state}; export it with its payloads"
    return None


def _same_path(recorded: list[str], now: list[str]) -> bool:
    if now[:1] == [OTHER_PROCESS]:
        known = now[1:]
        return not known or recorded[-len(known) :] == known
    return recorded == now


def _diff(recorded: Any, now: Any) -> str:
    """A unified diff of both as indented JSON with sorted keys, of a bounded length."""
    lines = difflib.unified_diff(_lines(recorded), _lines(now), lineterm="", n=2)
    shown = [line[:1_000] for _, line in zip(range(_MAX_DIFF_LINES), lines, strict=False)]
    return "\n".join(shown[2:])  # without the two lines that name files


def _lines(value: Any) -> list[str]:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=str)
    return text.splitlines()[:5_000]
