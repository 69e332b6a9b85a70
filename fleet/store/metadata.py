"""The metadata of all tables together, for migrations and for the test that compares both."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fleet.store import tables
from fleet.store.base import Base

MODULES = (tables.__name__, "fleet.store.monitoring_tables")

for _name in MODULES:
    if find_spec(_name) is not None:
        import_module(_name)

METADATA = Base.metadata
