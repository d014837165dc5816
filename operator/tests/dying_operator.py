"""The operator, killed as soon as the API server has answered its first write.

Started as a separate program by :class:`~tests.operator_process.OperatorProcess`. The write was
made and the operator never sees the answer: the worst moment of each step.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from tracefoundry_operator import main
from tracefoundry_operator.apply import KubernetesApi

_request = KubernetesApi._request


async def _last_write(self: KubernetesApi, method: str, path: str, **options: Any) -> Any:
    body = await _request(self, method, path, **options)
    if method != "GET":
        os.kill(os.getpid(), signal.SIGKILL)
    return body


if __name__ == "__main__":
    KubernetesApi._request = _last_write  # type: ignore[method-assign]
    main.main()
