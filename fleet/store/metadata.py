"""The metadata of all tables together, for migrations and for the test that compares both."""

from __future__ import annotations

from fleet.store import monitoring_tables, tables
from fleet.store.base import Base

METADATA = Base.metadata
TABLES = (tables, monitoring_tables)
"""The modules whose import fills the metadata."""
