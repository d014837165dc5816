"""One grammar for a name and its value, as programs, settings, commands and people write them.

A name that may be that of a secret is found first, by RE2. What follows it decides how it gets its
value: an operator (``=``, ``:``, ``:=``, ``=>``), a type and an operator, a comma in a call, an XML
element, ``value:`` behind ``name:``, white space behind ``ENV`` or ``--password``, the words of a
sentence. The value is a string, the lines of a block, or a word. Whether it is a secret is decided
by :mod:`.assigned_values`.

Code stays: comparisons, values that are computed, strings that end where a value could begin. No
value is looked for behind a line end after ``=``, because the setting may be empty.

Each step looks at a bounded stretch of the text behind a name, so the whole is linear.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from tracefoundry.redaction.assigned_values import (
    Structure,
    is_log_probability,
    is_secret,
)
from tracefoundry.redaction.assignment_grammar import (
    CONNECTORS,
    ELEMENT_VALUE,
    FORM_VALUE,
    MAY_HAVE_VALUE,
    NEXT_LINE,
    TYPED,
    VALUE,
)
from tracefoundry.redaction.assignment_hints import (
    COMMAND_NAMES,
    HINTS_OF_NAMES,
    RANDOM,
    SHORT,
    WORDS,
    random_pattern,
)
from tracefoundry.redaction.denied_keys import KeyNames, is_compared, words_of_user
from tracefoundry.redaction.re2_patterns import Pattern, compiled
from tracefoundry.redaction.report import MARKER
from tracefoundry.redaction.secret_names import NameKind
from tracefoundry.redaction.user_passwords import (
    ASSIGNED_SECRET,
    Found,
    passwords_of_users,
)


class _Value(NamedTuple):
    start: int
    end: int
    quoted: bool


_STRUCTURES = {
    "assign": Structure.BARE, "typed": Structure.QUOTED, "counted": Structure.QUOTED,
    "comma": Structure.LOOSE, "call": Structure.LOOSE, "pair": Structure.BARE,
    "variable": Structure.QUOTED, "element": Structure.BARE, "cell": Structure.LOOSE,
    "form": Structure.BARE, "prose": Structure.LOOSE, "space": Structure.LOOSE,
}  # fmt: skip

_STRING_GROUPS = ("long", "long1", "double", "single", "tick")

_NAME_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_NAME_BYTES = 80
_BEFORE_BYTES = 160
_RETRIED_BYTES = 256
"""Longer values that are no secrets are not searched for another name, or the search would not be
linear."""

_SETTING = re.compile(
    rb"(?:\A|[\n?&;\"' ,])(?:export |set |-e |ENV |ARG |--env[ =]|--set[ =])?[$]?[A-Za-z0-9_.-]*=\Z"
)
_UPPER_SETTING = re.compile(rb"(?:^|[^A-Za-z0-9_.])[A-Z0-9_]+=$")
_COMMAND = re.compile(
    rb"(?:(?:\A|[\s;&|\"'])(?:setenv|setx|set(?:[ \t]+-\w+)*|ENV|ARG|SetEnv|export"
    rb"|configure set|config set|secret set|config:set|#define|def|setq|let|val)[ \t]+\Z"
    rb"|(?:\A|[\s\"'\[])(?:--?|/)(?:[A-Za-z0-9]+-)*\Z)"
)
_LOGIN = re.compile(rb"(?:login|user|username|machine|account|default)\s+\S{1,100}\s+\Z")
_COMMAND_ENDS = (
    b"setenv", b"setx", b"set", b"ENV", b"ARG", b"SetEnv", b"export", b"config:set", b"#define",
    b"def", b"setq", b"let", b"val",
)  # fmt: skip
_LOGIN_ENDS = (b"login", b"user", b"username", b"machine", b"account", b"default")
_NAMES_OF_COMMANDS = ("requirepass", "masterauth")
_QUOTES = re.compile(rb"[\"'`]")
_QUOTE_BYTES = 400
"""Where a quote stands behind a name, white space and a few words, if it is to be of its value."""
_NAME_FIELD = re.compile(
    rb"(?i:\b(?:\w{0,20}name|key|\w{0,20}id|field|variable|header|param|parameter|label|env|k)"
    rb"[\"']?\s{0,4}(?:[:=]>?)\s{0,4}[\"']?)\Z"
)
_BEFORE_NAME_FIELD = (b":", b"=", b">")
_VALUE_BEFORE_NAME = re.compile(
    rb"(?i:value|default|content)[\"']?\s{0,4}[:=]\s{0,4}(?:\"([^\"\r\n\\]{1,100})\"|'([^'\r\n\\]{1,100})')"
    rb"\s{0,4},?\s{0,40}[\"']?(?i:name|key)[\"']?\s{0,4}[:=]\s{0,4}[\"']?\Z"
)
_ENDS_OF_SENTENCES = (b"", b".", b";", b"!")
_CODE_BEHIND_STRING = re.compile(rb"\s*(?:[+,.;)\]}]|%[\s(]|$)")
_OPTION_OF_FILE = ("-file", "-path", "-env", "-stdin", "_file", "_path", "_FILE")


class AssignedSecrets:
    """Finds the values of names that are those of secrets, for the names of one policy."""

    def __init__(self, names: KeyNames, deny_keys: Iterable[str]) -> None:
        self._names = names
        words = "|".join([WORDS, *words_of_user(deny_keys)])
        self._named: Pattern = compiled(rf"(?i:{words})[A-Za-z0-9_-]*")
        self._short: Pattern = compiled("(?i:pass|pwd)[A-Za-z0-9_-]*")
        self._random: Pattern = compiled(random_pattern())

    def found(self, text: bytes, hints: Collection[str]) -> Iterator[Found]:
        """The values to take out, in no order; they may overlap. ``hints`` are the names of the
        patterns of :func:`.hint_patterns` that occur in the text."""
        if not HINTS_OF_NAMES.isdisjoint(hints):
            yield from self._found_behind(text, _names(self._named, text))
        if RANDOM in hints:
            yield from self._found_behind(text, _names_with_values(self._random, text))
        if SHORT in hints or COMMAND_NAMES in hints:
            yield from self._found_behind(text, _names(self._short, text))
        yield from passwords_of_users(text, hints)

    def _found_behind(self, text: bytes, names: Iterable[tuple[int, int]]) -> Iterator[Found]:
        done = 0
        for start, end in names:
            if start < done or text[end : end + 1] in _ENDS_OF_SENTENCES:
                continue
            value, done = self._value(text, start, end)
            if value is not None:
                yield Found(value.start, value.end, ASSIGNED_SECRET)

    def _value(self, text: bytes, word: int, end: int) -> tuple[_Value | None, int]:
        """The value of the name whose word begins and ends there, and up to where no other name is
        looked for."""
        before = text[max(0, word - _NAME_BYTES) : word]
        start = word - len(before) + len(before.rstrip(_NAME_CHARACTERS))
        while text[start : start + 1] in (b"-", b".") and start < word:
            start += 1
        before = text[max(0, start - _BEFORE_BYTES) : start]
        may_be_field = before.rstrip(b"\"' \t\r\n").endswith(_BEFORE_NAME_FIELD)
        if not may_be_field and MAY_HAVE_VALUE.match(text, end) is None:
            return None, end
        name = text[start:end].decode("latin-1")
        kind = self._names.kind(name)
        if kind is NameKind.NO_SECRET or name.lower().endswith(("authorization", "cookie")):
            return None, end
        if may_be_field:
            earlier = self._earlier_value(text, start, name, kind, before)
            if earlier is not None:
                return earlier, end
        if is_compared(before[:-1] if before.endswith((b'"', b"'")) else before):
            return None, end
        if before.endswith(b"${") and text[end : end + 2] in (b":+", b":?"):
            return None, end
        for connector in self._connectors(text, end):
            structure, how, position = connector
            if how == "space" and not _may_stand_alone(text, position, name, before):
                return None, end
            value = self._parsed(text, position, how, before)
            if value is None:
                continue
            certainty = self._structure(text, start, value, structure, how, name, before)
            if certainty is None or is_log_probability(text, name, value.end):
                return None, end
            if certainty is Structure.SETTING:
                value = _whole_setting(text, start, value)
            content = text[value.start : value.end]
            if is_secret(content, name, kind, certainty, self._names):
                return value, value.end
            return None, value.end if len(content) > _RETRIED_BYTES else end
        return None, end

    def _connectors(self, text: bytes, end: int) -> Iterator[tuple[Structure, str, int]]:
        match = CONNECTORS.match(text, end)
        if match is None or match.lastgroup is None:
            return
        how = match.lastgroup
        if how == "assign":
            gap = NEXT_LINE.match(text, match.end())
            colon = match[0].rstrip().endswith((b":", b"\xef\xbc\x9a"))
            if gap is not None:
                if colon and match[0].lstrip(b" \t")[:1] in (b":", b"\xef"):
                    yield Structure.LOOSE, "next_line", gap.end()
                return
            if match[0].rstrip(b" \t*_~").endswith(b":"):
                typed = TYPED.match(text, end)
                if typed is not None:
                    yield Structure.QUOTED, "typed", typed.end()
                    return
        yield _STRUCTURES[how], how, match.end()

    def _parsed(self, text: bytes, position: int, how: str, before: bytes) -> _Value | None:
        if how == "element":
            match = ELEMENT_VALUE.match(text, position)
        elif how == "form":
            match = FORM_VALUE.match(text, position)
        else:
            match = VALUE.match(text, position)
        if match is None or MARKER.match(text, position) is not None:
            return None
        groups = match.re.groupindex
        for group in _STRING_GROUPS:
            if group in groups and match[group] is not None:
                start, end = match.span(group)
                if b"f" in match["prefix"].lower() and b"{" in text[start:end]:
                    return None
                return _Value(start, end, True)
        if "lines" in groups and match["lines"] is not None:
            return _Value(*match.span("lines"), True)
        start, end = match.span("bare")
        if how in ("element", "form"):
            return _Value(start, end, False)
        return _Value(start, start + len(text[start:end].rstrip(b".:*")), False)

    def _structure(
        self,
        text: bytes,
        start: int,
        value: _Value,
        structure: Structure,
        how: str,
        name: str,
        before: bytes,
    ) -> Structure | None:
        """How clearly the value is one; None where it is none whatever it looks like."""
        if how in ("assign", "pair"):
            if value.quoted:
                if how == "assign" and _is_behind_string(text, value.start):
                    return None
                return Structure.QUOTED
            return _bare_structure(text, value)
        if how == "comma" and not before.rstrip(b"\"'`b ").endswith((b"(", b"{", b"[")):
            return None
        if how == "space":
            if name.endswith(_OPTION_OF_FILE):
                return None
            if _is_command(before):
                return Structure.QUOTED if value.quoted else Structure.BARE
            specific = name.lower() in _NAMES_OF_COMMANDS
            return Structure.BARE if specific else structure if value.quoted else None
        if how == "element":
            tag = before.rpartition(b"<")[2]
            between = text[start : value.start].rstrip(b" \t\r\n")
            if tag.startswith(b"/") or between.endswith(b"/>"):
                return None
            if b">" in tag and b"</" not in between:
                return None
        if how == "next_line" and text[value.end : value.end + 1] in (b":", b"=", b"(", b"."):
            return None
        return structure

    def _earlier_value(
        self, text: bytes, start: int, name: str, kind: NameKind, before: bytes
    ) -> _Value | None:
        """The value of ``{"value": "x", "name": "PASSWORD"}``."""
        if _NAME_FIELD.search(before) is None:
            return None
        match = _VALUE_BEFORE_NAME.search(before)
        if match is None:
            return None
        group = 1 if match[1] is not None else 2
        offset = start - len(before)
        value = _Value(offset + match.start(group), offset + match.end(group), True)
        content = match[group]
        return value if is_secret(content, name, kind, Structure.BARE, self._names) else None


def _is_command(before: bytes) -> bool:
    """Whether a command or an option stands before a name. Its last words are looked at first,
    because most names stand in sentences."""
    words = before.split()[-2:]
    if (
        words
        and (
            before.endswith((b"-", b"/"))
            or words[-1].endswith(_COMMAND_ENDS)
            or words[-1].startswith(b"-")
        )
        and _COMMAND.search(before) is not None
    ):
        return True
    return len(words) == 2 and words[0].endswith(_LOGIN_ENDS) and _LOGIN.search(before) is not None


def _may_stand_alone(text: bytes, position: int, name: str, before: bytes) -> bool:
    """Whether what follows a name and white space may be its value: a string, or a word behind a
    command."""
    return (
        _QUOTES.search(text, position, position + _QUOTE_BYTES) is not None
        or name.lower() in _NAMES_OF_COMMANDS
        or _is_command(before)
    )


def _names(pattern: Pattern, text: bytes) -> Iterator[tuple[int, int]]:
    for match in pattern.finditer(text):
        yield match.start(), match.end()


def _names_with_values(pattern: Pattern, text: bytes) -> Iterator[tuple[int, int]]:
    """Group 1 of the matches. The next name may stand in what follows this one."""
    position = 0
    while (match := pattern.search(text, position)) is not None:
        position = match.end(1)
        yield match.start(1), position


_REST_OF_SETTING = re.compile(rb"[^\s\"'`\\<>\x1b]+")
_NEXT_OF_QUERY = re.compile(rb"[&;][\w.%\[\]-]*=")
_START_OF_SETTING = re.compile(rb"(?:\A|\n)(?:export )?\Z")


def _whole_setting(text: bytes, start: int, value: _Value) -> _Value:
    """To the end of the word where the setting has its line to itself, and over ``&`` where no
    other name follows it: the shell ends a value there, a file of settings does not."""
    end = value.end
    if text[end : end + 1] == b"&" and text[max(0, start - 1) : start] not in (b"?", b"&"):
        rest = _REST_OF_SETTING.match(text, end, end + _RETRIED_BYTES)
        if rest is not None and len(rest[0]) > 1 and _NEXT_OF_QUERY.search(rest[0]) is None:
            return value._replace(end=rest.end())
    if _START_OF_SETTING.search(text[max(0, start - 8) : start]) is not None:
        rest = _REST_OF_SETTING.match(text, end, end + _RETRIED_BYTES)
        if rest is not None and _NEXT_OF_QUERY.search(rest[0]) is None:
            return value._replace(end=end + len(rest[0].rstrip(b".:*,;)]}|&")))
    return value


def _bare_structure(text: bytes, value: _Value) -> Structure | None:
    before = text[max(0, value.start - 120) : value.start]
    if text[value.start : value.start + 1] in (b"=", b"~") or text[value.end : value.end + 1] in (
        b"(",
        b"[",
    ):
        return None
    if not before.endswith(b"="):
        return Structure.BARE
    if _UPPER_SETTING.search(before) is not None:
        return Structure.SETTING
    is_argument = text[value.end : value.end + 1] in (b",", b")")
    if not is_argument and _SETTING.search(before) is not None:
        return Structure.SETTING
    return Structure.BARE


def _is_behind_string(text: bytes, start: int) -> bool:
    """Whether the quote before ``start`` closes a string, as in ``"password: " + name``: code
    follows it, and the quote before it in its line opens a string, because text follows that."""
    if _CODE_BEHIND_STRING.match(text[start : start + 40]) is None:
        return False
    line = text[max(0, start - 400) : start - 1].rpartition(b"\n")[2]
    _, opening, content = line.rpartition(text[start - 1 : start])
    return bool(opening) and content[:1] not in b" \t,;:)]}+.="
