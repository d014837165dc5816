"""Protobuf bodies with invalid UTF-8, made readable without losing the original bytes.

The runtime refuses the whole message for one broken string. Here the body is read with
:mod:`.byte_strings`, each broken string is replaced by one that the normal decoder recognises, and
the message is encoded again:

* An attribute value or log body becomes a NUL, a token that is random for each call (so that no
  sender can forge it), and the base64 of the original bytes. The decoder turns this into ``$text``.
* Any other string gets a NUL for each broken byte. The decoder turns each into U+FFFD and counts
  them.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from typing import Any

from google.protobuf.message import DecodeError

from tracefoundry.otlp.byte_strings import STRING_FIELDS
from tracefoundry.otlp.decoded import TooLarge, Undecodable

_BROKEN_BYTE = re.compile("[\udc80-\udcff]")


def mend(body: bytes, message_class: Any) -> tuple[bytes, str]:
    """The body in valid UTF-8, and the sentinel prefix of its broken values.

    Args:
        body: what the normal class could not parse.
        message_class: the class of :mod:`.byte_strings` for this body.

    Raises:
        Undecodable: something else than its strings is wrong.
        TooLarge: it needs more memory than there is.
    """
    try:
        message = message_class.FromString(body)
    except DecodeError as error:
        check_memory(error)
        raise undecodable(error) from None
    sentinel = "\x00" + secrets.token_hex(16)
    _mend_message(message, sentinel.encode("ascii"))
    mended: bytes = message.SerializeToString()
    return mended, sentinel


def check_memory(error: DecodeError) -> None:
    """Raise :class:`TooLarge` where the runtime refused a body because an allocation failed: the
    memory of workers is limited (``ingest.worker``)."""
    if "Arena alloc failed" in str(error):
        raise TooLarge(
            "the body needs more memory to decode than a worker may use; send smaller batches"
        ) from None


def undecodable(error: DecodeError) -> Undecodable:
    """The error for a body that protobuf refuses, with the cause that the runtime names."""
    cause = str(error).rpartition("': ")[2]
    return Undecodable(f"the body is not a valid OTLP protobuf message: {cause}")


def _mend_message(message: Any, sentinel: bytes) -> None:
    message_name = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        if field.message_type is not None:
            if field.is_repeated:
                for item in value:
                    _mend_message(item, sentinel)
            else:
                _mend_message(value, sentinel)
        elif f"{message_name}.{field.name}" in STRING_FIELDS:
            if field.is_repeated:
                value[:] = [item if _is_text(item) else _with_nuls(item) for item in value]
            elif not _is_text(value):
                is_value = message_name == "AnyValue"
                mended = sentinel + b64encode(value) if is_value else _with_nuls(value)
                setattr(message, field.name, mended)


def _is_text(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _with_nuls(value: bytes) -> bytes:
    return _BROKEN_BYTE.sub("\x00", value.decode("utf-8", "surrogateescape")).encode("utf-8")
