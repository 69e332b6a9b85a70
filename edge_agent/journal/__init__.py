"""A verdict becomes a fact: one SQLite file is journal, outbox and review queue (docs/formats/journal.md)."""
