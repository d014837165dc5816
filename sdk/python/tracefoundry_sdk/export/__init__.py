"""The way of a span to the server: queue, encoding, requests, and the thread that moves them.

``processor`` is what a provider calls when a span ends; it puts the span into ``queue``. The thread
of ``worker`` takes batches out, ``encoding`` makes requests of them, ``transport`` sends them.
OpenTelemetry's own batch processor is not used because its queue is bounded by the number of spans
and not by their bytes, drops requests that are too big as a whole, and may hold up the end of the
process for 30 s.
"""

from __future__ import annotations
