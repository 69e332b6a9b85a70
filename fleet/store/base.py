"""What all tables share: one metadata object with named constraints, and column types that work on both databases."""

from __future__ import annotations

from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

RowId = BigInteger().with_variant(Integer, "sqlite")
"""A row number that counts up by itself."""

Millis = Annotated[int, mapped_column(BigInteger)]
"""Milliseconds since 1970 in UTC."""
Count = Annotated[int, mapped_column(BigInteger, default=0)]
Name = Annotated[str, mapped_column(String(63))]
Sha = Annotated[str, mapped_column(String(64))]
Boot = Annotated[str, mapped_column(String(36))]
Json = Annotated[dict[str, Any], mapped_column(JSON)]


class Base(DeclarativeBase):
    """Base of every table of the fleet."""

    metadata = MetaData(naming_convention=_NAMES)
