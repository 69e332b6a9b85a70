"""Runs the migrations on the connection that `Database.migrate` gives."""

from __future__ import annotations

from alembic import context

from fleet.store.metadata import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
