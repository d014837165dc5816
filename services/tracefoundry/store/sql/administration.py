"""Placeholder until administration, which works through an engine, is a part of the store."""

from __future__ import annotations

import sqlalchemy as sa


class SqlAdministration:
    """Holds the engine that :func:`tracefoundry.auth.access.open_access` takes today."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
