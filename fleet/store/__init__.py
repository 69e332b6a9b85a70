"""The fleet's memory: tables, migrations, and the database behind them (SQLite, or PostgreSQL by URL)."""
