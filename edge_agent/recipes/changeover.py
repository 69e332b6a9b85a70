"""Which of its products a station makes now, and the way to another one: wanted, loaded, set, ready.

The PLC chooses by a number, a person by a name; both become a row of the journal before anything moves. Nothing is
judged by the model of another recipe than the one its trigger meant.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_agent.capture.triggers import Trigger
from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Unavailable
from edge_agent.install.slots import Pointer
from edge_agent.journal import changeovers
from edge_agent.journal.journal import Journal
from edge_agent.recipes.board import named

if TYPE_CHECKING:
    from edge_agent.inference.champion import Model

PLC, ITSELF = "PLC", "the station"
_LOOK_EVERY_S = 1.0
_ASK_AGAIN_S = 5.0
_log = logging.getLogger("lineside.changeover")


@dataclass
class _Order:
    """What was asked for last: since when, by which row of the journal, and whether its model was asked for."""

    recipe: str
    id: int
    at: float
    asked_at: float = float("-inf")
    done: bool = False


class Changeover:
    """Follows orders at a station that makes several products; with no `recipes` it says nothing and forbids nothing.

    `recipes` are the PLC's numbers to the names of the models. `activate` has a bundle loaded, to judge from then on.
    One thread uses it.
    """

    def __init__(
        self,
        recipes: Mapping[int, str],
        pointer: Pointer,
        journal: Journal,
        clock: Clock,
        activate: Callable[[str], None],
    ) -> None:
        self._recipes, self._pointer, self._journal, self._clock = dict(recipes), pointer, journal, clock
        self._activate = activate
        self._numbers = {name: number for number, name in self._recipes.items()}
        self._known = ", ".join(f"{number} {name}" for number, name in sorted(self._recipes.items()))
        self._order: _Order | None = None
        self._in_force = ""
        self._looked = float("-inf")
        self.asked_by_plc = 0
        self.why = ""
        """Why nothing may be judged, "" where the recipe in force is the one that was ordered."""

    @property
    def number(self) -> int:
        """The PLC's number of the recipe in force; 0 for none."""
        return self._numbers.get(self._in_force, 0)

    def ask(self, number: int) -> None:
        """Take the PLC's word, which holds while its register says so; 0 asks for nothing."""
        self.asked_by_plc = number

    def fits(self, model: Model) -> bool:
        """Return whether a model that was loaded is one of the recipe that was ordered."""
        return not self._recipes or self._order is None or model.manifest.name == self._order.recipe

    def admits(self, trigger: Trigger) -> bool:
        """Return whether a part may be judged by the recipe in force: it is of this, or it came before the order."""
        if trigger.recipe and self._recipes:
            return named(self._recipes, trigger.recipe) == self._in_force
        return not self.why or (self._order is not None and self._obeyed and trigger.at < self._order.at)

    def look(self, model: Model | None, idle: bool, trouble: str = "", at_once: bool = False) -> None:
        """Read a new order, once a second or `at_once`, and carry it out as soon as the station is `idle`.

        `trouble` is why the last model that was asked for could not be loaded.
        """
        if not self._recipes:
            return
        now = self._clock.monotonic()
        self._in_force = model.manifest.name if model is not None else ""
        if at_once or now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            self._read()
            if not self._obeyed and self.asked_by_plc in self._recipes:
                self._write(self._recipes[self.asked_by_plc], PLC)
        order = self._order
        if order is not None and order.recipe != self._in_force and idle and now - order.asked_at >= _ASK_AGAIN_S:
            order.asked_at = now
            self._go(order.recipe)
        self.why = self._reason(trouble)

    @property
    def _obeyed(self) -> bool:
        """Whether the last order is the PLC's wish, if it has one."""
        wish = self._recipes.get(self.asked_by_plc)
        return self.asked_by_plc == 0 or (self._order is not None and self._order.recipe == wish)

    def _read(self) -> None:
        try:
            last = changeovers.last(self._journal.database)
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("the changeover cannot be looked up: %s", error)
            return
        if last is None and self._in_force in self._numbers:
            self._write(self._in_force, ITSELF)
        elif last is not None and last.recipe in self._numbers and (self._order is None or last.id != self._order.id):
            self._order = _Order(last.recipe, last.id, self._clock.monotonic(), done=last.ready_ms is not None)

    def _write(self, recipe: str, who: str) -> None:
        try:
            journal, now_ms = self._journal, self._clock.wall_ms()
            changeovers.order(journal.database, journal.boot, recipe, who, self._in_force, now_ms)
        except (Unavailable, sqlite3.Error) as error:
            _log.error("the changeover to %s cannot be noted: %s", recipe, error)
            return
        self._read()

    def _go(self, recipe: str) -> None:
        """Move the pointer and have the model loaded, where there is one."""
        try:
            bundle = self._bundle_of(recipe)
            if bundle is not None:
                self._pointer.choose(recipe)
                self._activate(bundle)
        except OSError as error:
            _log.error("the recipe %s cannot be taken into force: %s", recipe, error)

    def _bundle_of(self, recipe: str) -> str | None:
        try:
            return self._pointer.of(recipe).active
        except ConfigError as error:
            _log.error("the recipe %s cannot be looked up: %s", recipe, error)
            return None

    def _reason(self, trouble: str) -> str:
        order = self._order
        if self.asked_by_plc and self.asked_by_plc not in self._recipes:
            return f"the PLC asks for recipe {self.asked_by_plc}; station.yaml names {self._known}"
        if not self._obeyed:
            return f"the order of recipe {self.asked_by_plc} cannot be written down; look at the disk"
        if order is None:
            return f"no recipe is in force; station.yaml names {self._known}" if self._in_force else ""
        if order.recipe == self._in_force:
            return ""
        if self._bundle_of(order.recipe) is None:
            return f"no model is installed for recipe '{order.recipe}'"
        return f"changing over to recipe '{order.recipe}'" + (f": {trouble}" if trouble else "")

    def finished(self) -> None:
        """Note that the station is ready for what was ordered."""
        order = self._order
        if order is None or order.done or self.why:
            return
        order.done = True
        try:
            changeovers.ready(self._journal.database, order.id, self._clock.wall_ms())
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("the end of the changeover cannot be noted: %s", error)

    def report(self) -> dict[str, Any]:
        """Return what the page is told: the recipe in force, the one that was ordered, and whether the PLC chooses.

        Nothing at a station that makes one product.
        """
        if not self._recipes:
            return {}
        wanted = self._order.recipe if self._order is not None else self._in_force
        told = {"recipe": self._in_force, "recipe_wanted": wanted, "recipe_by_plc": self.asked_by_plc}
        return {**told, "changeover": self.why}
