"""A WSGI application for ``gunicorn --preload``: the SDK is started before workers are forked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import tracefoundry_sdk as tf

tf.quick_start(service="gunicorn")
with tf.trace_agent_run("preload"):
    pass


def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with the process id of the worker."""
    with tf.trace_agent_run("request"):
        start_response("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]


application = tf.propagation.wsgi(serve)
