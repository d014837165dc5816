"""What a project wants redacted: the mode, the rules, the user's patterns and keys.

A policy is data: frozen, picklable, compared by value. The engine is built from it once in each
process. Its version is stored with every span, because two copies of a span can only be compared
when one policy made both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tracefoundry.model.genai.content import content_slot, event_slot
from tracefoundry.redaction.rules import Rule, load_rules

BUILTIN_RULES: tuple[Rule, ...] = load_rules()
"""In order of importance: where two overlap, the first names what was taken out."""

ENGINE_VERSION = 4
"""To be raised with every change of the built-in rules, keys or encodings."""

OFF_VERSION = 1
"""The version of a policy that keeps everything."""

STRICT_VALUE_BYTES = 4096
"""In strict mode longer values are content, whatever their key."""


class Mode(StrEnum):
    """How much is kept.

    ``standard`` applies patterns and the key denylist. ``strict`` also leaves out every attribute
    that is not on the allowlist, and all content. ``off`` keeps everything.
    """

    STRICT = "strict"
    STANDARD = "standard"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class UserPattern:
    """A pattern from the user's file. The whole match becomes ``replacement``, by default
    ``[redacted:<name>]``."""

    name: str
    regex: str
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class UserPatterns:
    """What a pattern file holds; :func:`tracefoundry.redaction.pattern_file.load_patterns`."""

    patterns: tuple[UserPattern, ...] = ()
    deny_keys: tuple[str, ...] = ()
    allow_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What is redacted, and how.

    Attributes:
        mode: how much is kept.
        rules: the built-in rules.
        patterns: the user's patterns, applied after them.
        deny_keys: keys whose values are taken out, besides the built-in ones.
        allow_keys: keys that strict mode keeps, besides the built-in ones; ``name.*`` allows all
            that begin so. A key that is named in full is also exempt from the built-in denylist.
    """

    mode: Mode = Mode.STANDARD
    rules: tuple[Rule, ...] = BUILTIN_RULES
    patterns: tuple[UserPattern, ...] = ()
    deny_keys: tuple[str, ...] = ()
    allow_keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, mode: Mode, user: UserPatterns | None = None) -> Policy:
        """The policy of a mode with what a pattern file adds."""
        user = user or UserPatterns()
        return cls(mode, BUILTIN_RULES, user.patterns, user.deny_keys, user.allow_keys)

    @property
    def version(self) -> int:
        """A 31-bit number that differs where policies do: :data:`OFF_VERSION` for ``off``, a larger
        one for every other. 0 is no policy's: it marks spans that redaction has not seen yet."""
        if self.mode is Mode.OFF:
            return OFF_VERSION
        parts = [str(ENGINE_VERSION), self.mode.value]
        parts.extend(f"{rule.name}\0{rule.expression}" for rule in self.rules)
        parts.extend(f"{p.name}\0{p.regex}\0{p.replacement}" for p in self.patterns)
        parts.extend(f"deny\0{key}" for key in self.deny_keys)
        parts.extend(f"allow\0{key}" for key in self.allow_keys)
        digest = hashlib.sha256("\1".join(parts).encode("utf-8", "surrogatepass")).digest()
        smallest = OFF_VERSION + 1
        return smallest + int.from_bytes(digest[:8], "big") % (2**31 - smallest)


_STRICT_ALLOWED = (
    # Who sent it.
    "service.*", "telemetry.*", "deployment.environment", "deployment.environment.name",
    "tracefoundry.project", "tracefoundry.run.name", "host.name", "host.arch", "host.type",
    "os.type", "os.version", "process.runtime.*", "process.pid", "k8s.*", "container.id",
    "container.name", "container.image.*", "cloud.*", "faas.name", "faas.version", "otel.*",
    "vcs.*", "git.commit",
    # What kind of work it was.
    "openinference.span.kind", "traceloop.span.kind", "langfuse.observation.type",
    "langfuse.observation.level", "langfuse.observation.model.name", "mlflow.spanType",
    "lmnr.span.type", "langsmith.span.kind", "ai.operationId", "operation.name", "llm.request.type",
    # GenAI identity, request, response and usage, without content.
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system", "gen_ai.conversation.id",
    "gen_ai.agent.id", "gen_ai.agent.name", "gen_ai.agent.version", "gen_ai.workflow.name",
    "gen_ai.data_source.id", "gen_ai.output.type", "gen_ai.request.*", "gen_ai.response.*",
    "gen_ai.usage.*", "gen_ai.aggregated_usage.*", "gen_ai.token.type", "gen_ai.tool.name",
    "gen_ai.tool.type", "gen_ai.tool.call.id", "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.*", "llm.model_name", "llm.request.model_name",
    "llm.response.model_name", "llm.provider", "llm.system", "llm.token_count.*", "llm.cost.*",
    "llm.usage.*", "ai.model.id", "ai.model.provider", "ai.usage.*", "ai.response.model",
    "ai.response.id", "ai.response.finishReason", "mlflow.llm.model", "mlflow.llm.provider",
    "agent.name", "tool.name", "tool.id", "graph.node.id", "graph.node.name",
    "graph.node.parent_id", "session.id", "traceloop.workflow.name", "traceloop.entity.name",
    "mcp.method.name", "mcp.session.id", "mcp.protocol.version", "jsonrpc.request.id",
    # Plain facts of the calls around.
    "error.type", "exception.type", "exception.escaped", "http.request.method",
    "http.response.status_code", "http.method", "http.status_code", "http.route", "server.address",
    "server.port", "network.*", "rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code",
    "db.system", "db.system.name", "db.operation.name", "db.collection.name", "messaging.system",
    "messaging.operation.name", "messaging.operation.type", "messaging.destination.name",
    "event.name", "code.function.name", "code.line.number", "thread.id", "thread.name",
    "retry.attempt", "peer.service", "url.scheme",
)  # fmt: skip

_CONTENT_ENDINGS = (
    ".messages", ".message", ".content", ".prompt", ".completion", ".input", ".output",
    ".arguments", ".result", ".instructions", "system_instructions", ".definitions", ".documents",
    ".stacktrace", ".text", ".object", ".body",
)  # fmt: skip
"""What a wide entry of an allowlist does not reach: no table names all keys that hold content."""


class AllowedKeys:
    """The allowlist of strict mode. What the table of content names as content is not kept even
    where the list names it in full."""

    def __init__(self, allow: Iterable[str]) -> None:
        entries = [*_STRICT_ALLOWED, *allow]
        self._exact = frozenset(entry for entry in entries if not entry.endswith("*"))
        self._prefixes = tuple(entry[:-1] for entry in entries if entry.endswith("*"))

    def allows(self, key: str, event: str | None = None) -> bool:
        """Whether strict mode keeps the attribute; ``event`` is the name of the span event or log
        record that it belongs to."""
        if event is None:
            slot = content_slot(key, strict=True)
        else:
            slot = event_slot(event, key, strict=True)
        if slot is not None:
            return False
        if key in self._exact:
            return True
        return key.startswith(self._prefixes) and not key.endswith(_CONTENT_ENDINGS)
