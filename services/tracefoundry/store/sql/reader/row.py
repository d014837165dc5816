"""The type of a row of a query, whose columns are those its function names."""

from __future__ import annotations

from typing import Any, TypeAlias

import sqlalchemy as sa

Row: TypeAlias = sa.Row[*tuple[Any, ...]]
