"""OTLP on the wire: bodies to the model and back, and the answers that exporters understand.

One module a concern: :mod:`.compression` and :mod:`.media` read the HTTP headers' promises,
:mod:`.protobuf` and :mod:`.json` decode (to equal models for equal content), :mod:`.encode` is the
way back, :mod:`.answers` writes success, partial success and errors. Nothing here does I/O.
"""

from __future__ import annotations
