"""The user's pattern file, checked whole when it is loaded: what is wrong stops the start.

::

    patterns:
      - name: employee_id
        regex: 'EMP-[0-9]{6}'
        replacement: '[employee]'     # optional
    deny_keys: [customer.name]
    allow_keys: [app.release, app.feature.*]
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tracefoundry.redaction.denied_keys import DENIED_KEY
from tracefoundry.redaction.policy import ALL_RULES, BUILTIN_RULES, UserPattern, UserPatterns
from tracefoundry.redaction.prefilter import Prefilter
from tracefoundry.redaction.re2_patterns import (
    PatternError,
    compiled,
    compiled_set,
    without_assertions,
)
from tracefoundry.redaction.report import ENGINE_ERROR, NOT_ALLOWED, WITHHELD, marker
from tracefoundry.redaction.texts import NESTED_ENCODING, TOO_MUCH_WORK
from tracefoundry.redaction.user_passwords import ASSIGNED_SECRET

MAX_FILE_BYTES = 1 << 20
MAX_PATTERNS = 500
MAX_REGEX_CHARACTERS = 4_000
MAX_KEYS = 10_000

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_BUILTIN_NAMES = frozenset(
    [rule.name for rule in ALL_RULES]
    + [ASSIGNED_SECRET, DENIED_KEY, ENGINE_ERROR, NESTED_ENCODING, NOT_ALLOWED, TOO_MUCH_WORK]
)
"""Names that markers and reports have already."""
_STRING = "tag:yaml.org,2002:str"


class PatternFileError(ValueError):
    """The file cannot be used; the message names file and line, and says what to do."""


def load_patterns(path: str | Path) -> UserPatterns:
    """Read and check a pattern file.

    Raises:
        PatternFileError: it cannot be read, is not YAML, has an unknown key, or holds a pattern
            that RE2 refuses, that matches empty text, or that matches redaction's own marks.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PatternFileError(
            f"{path}: the pattern file cannot be read: {error.strerror or error}; correct"
            " TRACEFOUNDRY_REDACTION_PATTERNS or the file's permissions"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise PatternFileError(f"{path}: the file is over 1 MiB; split the policy into fewer rules")
    return _Reader(path).read(content)


class _Reader:
    """Walks the nodes of the document, because they know their lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, content: bytes) -> UserPatterns:
        try:
            root = yaml.compose(content, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise PatternFileError(
                f"{self._path}, line {line}: no valid YAML: {error.problem}; correct this line"
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise PatternFileError(
                f"{self._path}, line 1: no valid YAML: {reason}; save the file as UTF-8 text"
            ) from None
        except RecursionError:
            raise PatternFileError(
                f"{self._path}, line 1: nested too deep; see the documented form"
            ) from None
        if root is None:
            return UserPatterns()
        fields = self._mapping(root, ("patterns", "deny_keys", "allow_keys"), "the file")
        patterns = self._patterns(fields["patterns"]) if "patterns" in fields else ()
        deny = self._keys(fields.get("deny_keys"), "deny_keys")
        for key, node in deny:
            if not any(character.isascii() and character.isalnum() for character in key):
                raise self._error(node, f"deny_keys: {key!r} has no letter or digit; name a key")
            if "*" in key:
                raise self._error(
                    node, f"deny_keys: {key!r}: wildcards are not needed, a key's words are found"
                    " anywhere in a key; leave the * out"
                )  # fmt: skip
        allow = self._keys(fields.get("allow_keys"), "allow_keys")
        for key, node in allow:
            if "*" in key[:-1] or key == "*":
                raise self._error(
                    node, f"allow_keys: {key!r}: one * at the end is allowed, after a prefix"
                )
        return UserPatterns(patterns, tuple(k for k, _ in deny), tuple(k for k, _ in allow))

    def _patterns(self, node: yaml.Node) -> tuple[UserPattern, ...]:
        if _is_empty(node):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, "patterns must be a list; begin each pattern with '- name:'")
        if len(node.value) > MAX_PATTERNS:
            raise self._error(node, f"more than {MAX_PATTERNS} patterns; join some with |")
        prefilter = Prefilter(BUILTIN_RULES, (), ())
        patterns: list[UserPattern] = []
        lines: dict[str, int] = {}
        for item in node.value:
            fields = self._mapping(item, ("name", "regex", "replacement"), "a pattern")
            for needed in ("name", "regex"):
                if needed not in fields:
                    raise self._error(item, f"a pattern without {needed}; add '{needed}:'")
            name = self._name(fields["name"])
            if name in lines:
                raise self._error(
                    fields["name"], f"name {name!r} is taken by line {lines[name]}; choose another"
                )
            lines[name] = fields["name"].start_mark.line + 1
            replacement = None
            if "replacement" in fields:
                replacement = self._replacement(fields["replacement"], prefilter)
            regex = self._regex(fields["regex"], name, replacement)
            patterns.append(UserPattern(name, regex, replacement))
        self._check_together(node, patterns)
        return tuple(patterns)

    def _name(self, node: yaml.Node) -> str:
        name = self._string(node, "name")
        if _NAME.fullmatch(name) is None:
            raise self._error(
                node, f"name {name!r}: use 1 to 64 lower-case letters, digits, _, - or ."
            )
        if name in _BUILTIN_NAMES:
            raise self._error(node, f"name {name!r} is that of a built-in rule; choose another")
        return name

    def _replacement(self, node: yaml.Node, prefilter: Prefilter) -> str:
        text = self._string(node, "replacement")
        if not text or len(text) > 200 or not text.isprintable() or set(text) & set("\"'\\"):
            raise self._error(
                node, "replacement: use 1 to 200 printable characters without quotes or backslash"
            )
        if not prefilter.is_clean(text.encode("utf-8")):
            raise self._error(
                node, f"replacement {text!r} looks like a secret itself; use a plain word"
            )
        return text

    def _regex(self, node: yaml.Node, name: str, replacement: str | None) -> str:
        regex = self._string(node, "regex")
        if len(regex) > MAX_REGEX_CHARACTERS:
            raise self._error(node, f"regex of more than {MAX_REGEX_CHARACTERS} characters")
        try:
            pattern = compiled(regex, unicode=True)
            compiled(without_assertions(regex), unicode=True)
        except PatternError as error:
            raise self._error(
                node, f"pattern {name!r} does not compile: {error}; use RE2's syntax"
                " (no look-around, no back-references)"
            ) from None  # fmt: skip
        if pattern.search(b"") is not None:
            raise self._error(
                node, f"pattern {name!r} matches empty text; make one part of it necessary"
            )
        marks = [WITHHELD, marker(name), *map(marker, sorted(_BUILTIN_NAMES))]
        for mark in [*marks, *([replacement] if replacement else [])]:
            if pattern.search(mark.encode("utf-8")) is not None:
                raise self._error(
                    node, f"pattern {name!r} matches {mark!r}, which redaction writes;"
                    " make it more specific"
                )  # fmt: skip
        return regex

    def _check_together(self, node: yaml.Node, patterns: list[UserPattern]) -> None:
        try:
            compiled_set(tuple(without_assertions(p.regex) for p in patterns), unicode=True)
        except PatternError as error:
            raise self._error(node, f"the patterns together: {error}; use fewer") from None

    def _keys(self, node: yaml.Node | None, field: str) -> list[tuple[str, yaml.Node]]:
        if node is None or _is_empty(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, f"{field} must be a list of keys, like [customer.name]")
        if len(node.value) > MAX_KEYS:
            raise self._error(node, f"{field} has more than {MAX_KEYS} keys")
        keys = [(self._string(item, field), item) for item in node.value]
        for key, item in keys:
            if not key or len(key) > 256:
                raise self._error(item, f"{field}: a key has 1 to 256 characters")
        return keys

    def _mapping(self, node: yaml.Node, known: tuple[str, ...], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} must have the fields {', '.join(known)}")
        fields: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key not in known:
                raise self._error(
                    key_node, f"{what} has no field {key!r}; known are {', '.join(known)}"
                )
            if key in fields:
                raise self._error(key_node, f"{key} is given twice; join the two")
            fields[key] = value
        return fields

    def _string(self, node: yaml.Node, field: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != _STRING:
            raise self._error(node, f"{field} must be a text; put it in single quotes")
        return str(node.value)

    def _error(self, node: yaml.Node, problem: str) -> PatternFileError:
        return PatternFileError(f"{self._path}, line {node.start_mark.line + 1}: {problem}")


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
