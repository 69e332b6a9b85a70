"""What the parts of a running server share: one object, made by `service`, handed to the web and to background work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.home import Home
from fleet.store.database import Database

if TYPE_CHECKING:
    from fleet.devices.enrolment import Enrolment
    from fleet.registry.catalogue import Catalogue
    from fleet.registry.repository import Repository
    from fleet.rollout.commander import Commander


@dataclass(frozen=True)
class Context:
    """The server's parts. `now_ms` is the server's clock in milliseconds since 1970; `url` where it is reached."""

    home: Home
    database: Database
    repository: Repository
    catalogue: Catalogue
    enrolment: Enrolment
    commander: Commander
    now_ms: Callable[[], int]
    url: str = ""
