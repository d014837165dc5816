"""OTLP on the wire: bodies to the model and back, and the answers that exporters understand.

:mod:`.compression` decompresses bodies, :mod:`.protobuf` and :mod:`.json` decode them (to equal
models for equal content), :mod:`.encode` encodes models, :mod:`.answers` writes success, partial
success and errors. Nothing here does I/O.
"""

from __future__ import annotations
