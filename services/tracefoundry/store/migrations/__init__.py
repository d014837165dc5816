"""Schema migrations by Alembic, run from code so that no alembic.ini has to be found.

Every process but ``migrate`` and ``serve`` only checks the revision; see :func:`head`.
"""

from __future__ import annotations

from tracefoundry.store.migrations.run import current, head, older, upgrade

__all__ = ["current", "head", "older", "upgrade"]
