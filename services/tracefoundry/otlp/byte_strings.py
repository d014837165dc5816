"""OTLP's message classes with every string field declared as bytes; the wire form is the same.

The protobuf runtime refuses a whole message for one string that is not valid UTF-8, in both
directions. These classes read such a body (:mod:`.mending`) and write a broken string back as it
came (:mod:`.encode`). They have their own descriptor pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_FILES = (
    common_pb2,
    resource_pb2,
    trace_pb2,
    logs_pb2,
    trace_service_pb2,
    logs_service_pb2,
)  # in order of their imports
_TYPE_STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_TYPE_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES


def _messages(message_types: Any) -> Iterator[Any]:
    for message_type in message_types:
        yield message_type
        yield from _messages(message_type.nested_type)


def _build() -> tuple[Any, frozenset[str]]:
    pool = descriptor_pool.DescriptorPool()
    changed = set()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for message in _messages(file.message_type):
            for field in message.field:
                if field.type == _TYPE_STRING:
                    field.type = _TYPE_BYTES
                    changed.add(f"{message.name}.{field.name}")
        pool.AddSerializedFile(file.SerializeToString())
    return pool, frozenset(changed)


_POOL, STRING_FIELDS = _build()
"""``STRING_FIELDS``: ``Message.field`` of every field that is a string in OTLP."""


def _message_class(full_name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full_name))


ExportTraceServiceRequest: Final = _message_class(
    "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest"
)
ExportLogsServiceRequest: Final = _message_class(
    "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest"
)
Span: Final = _message_class("opentelemetry.proto.trace.v1.Span")
AnyValue: Final = _message_class("opentelemetry.proto.common.v1.AnyValue")
