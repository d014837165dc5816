"""Why a whole body is refused. Single bad spans are not errors: see :mod:`.decoded`."""

from __future__ import annotations


class Undecodable(Exception):
    """The body can never be decoded (400).

    The message names what was wrong and, where known, where. It never quotes the body.
    """


class TooLarge(Exception):
    """The body is above the size limit, as sent or after decompression (413)."""


class UnsupportedEncoding(Exception):
    """The Content-Encoding is none that this receiver knows (415)."""
