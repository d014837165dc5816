"""What is dropped when: spans, payloads, logs and what belongs to them, by day.

Everything expires by whole UTC days: a day goes when its last instant is older than the retention
of its project. So what a project loses does not depend on whether a partition could be dropped or
its rows were deleted.
"""

from __future__ import annotations

from tracefoundry.retention.report import RetentionReport
from tracefoundry.retention.run import run_once

__all__ = ["RetentionReport", "run_once"]
