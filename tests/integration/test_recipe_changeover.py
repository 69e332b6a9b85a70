"""Several products at one real station: the PLC and a person change over, the fleet rolls out to both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import expect

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.plc import Disposition
from edge_agent.home import Home
from edge_agent.install.slots import Pointer
from edge_agent.journal.database import Database
from edge_agent.journal.reader import read_journal
from edge_agent.recipes.board import board
from fleet.devices.enrolment import NewDevice
from tests.conftest import wait_for
from tests.integration.test_station_processes import SLOW_S, children, running
from tests.simulators.fleet_server import eventually, fleet_server
from tests.simulators.line import PARTS, altered_bundle, environment, install
from tests.simulators.plc import Conveyor, Plc, PlcProgram
from tests.simulators.screens import SMALL

pytestmark = pytest.mark.slow
RECIPES = {1: "tiles", 2: "leather"}
NAMES = frozenset(RECIPES.values())


def two_products(home: Home, settings: dict[str, Any]) -> dict[int, str]:
    """Give a station models for both products; return their bundles by the PLC's number."""
    found, pointer = {}, Pointer(home.root, NAMES)
    for number, name in RECIPES.items():
        made = altered_bundle(home.root / name, name=name, recipe__views__count=1, recipe__deadline_ms=4000)
        found[number] = bundle = install(home, made, active=False)
        pointer.change(name, lambda slots, bundle=bundle: slots.activated(bundle, 1).committed())  # type: ignore[misc]
    home.config.write_text(yaml.safe_dump({**settings, "recipes": RECIPES, "ui": {"port": 0}}))
    return found


def judged(home: Home) -> dict[int, tuple[str, str | None]]:
    """Return reason and bundle of each part by the PLC's number of it."""
    database = Database(home.journal)
    sql = "SELECT p.sequence, part.reason, part.bundle FROM plc_part p JOIN part ON part.id = p.part ORDER BY part.id"
    rows = {sequence: (reason, bundle) for sequence, reason, bundle in database._connection.execute(sql)}
    database.close()
    return rows


def command(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "edge_agent.cli", *words, "--home", str(home.root)]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=environment())


def test_a_plc_changes_over_batch_by_batch_and_every_part_is_judged_by_its_own_model(tmp_path: Path) -> None:
    conveyor = Conveyor(period_s=0.05, parts=24, deadline_s=5.0, recipes=(1, 2), batch=6)
    plc = Plc(PlcProgram(conveyor)).start()
    home = Home(tmp_path)
    where = {"plc": {"host": "127.0.0.1", "port": plc.port}, "trigger": {"kind": "plc", "depth": 8}}
    bundles = two_products(home, {**where, "source": f"folder://{PARTS}?loop=1"})
    with running(home):
        wait_for(lambda: plc.program.triggered >= 9, SLOW_S, "the second batch")
        refused = command(home, "recipe", "set", "tiles")
        os.kill(children(home)["hot"], signal.SIGKILL)
        assert plc.wait(SLOW_S), plc.program
        wait_for(lambda: len(judged(home)) == 24, SLOW_S, "the last part")
        shown = command(home, "recipe", "show")
    plc.stop()
    assert (refused.returncode, "the PLC chooses here" in refused.stderr) == (3, True)
    assert "* " in shown.stdout
    assert "leather  by PLC" in shown.stdout
    for number, (reason, bundle) in judged(home).items():
        assert bundle in (bundles[plc.program.recipes[number]], None)
        assert (bundle is None) == (reason in ("crash", "not-ready", "overrun"))
    assert {bundle for _, bundle in judged(home).values()} >= set(bundles.values())
    assert sum(plc.program.counts.values()) == 24
    accepted = [n for n, went in plc.program.dispositions.items() if went is Disposition.ACCEPTED]
    assert all(judged(home)[n][1] for n in accepted)


@pytest.fixture
def both(station: Any) -> Any:
    """A station with models for two products; its ui process is started by `screen` afterwards."""
    station.home.slots.unlink()
    two_products(station.home, {})
    return station


def test_a_person_changes_over_at_the_page(both: Any, screen: Any) -> None:
    """The hot process is not there: what the page orders is in the journal, what it shows is what it was told."""
    page = screen("Anna", size=SMALL, touch=True)
    screen.running.pause()
    told = {"kind": "health", "from": "hot", "ready": True, "bundle": "b", "recipe": "tiles", "recipe_wanted": "tiles"}
    screen.running.channel.deliver({**told, "recipe_by_plc": 0, "changeover": ""})
    expect(page.locator("#model")).to_have_attribute("href", "/recipe?lang=en")
    page.locator("#model").tap()
    expect(page.locator("h1")).to_have_text("Which product is made")
    expect(page.get_by_role("row", name="tiles")).to_contain_text("is being made")
    page.get_by_role("row", name="leather").get_by_role("button").tap()
    expect(page.locator("main")).to_contain_text("Anna")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with read_journal(both.home.journal) as reader:
        found = board(reader, RECIPES, Pointer(both.home.root, NAMES))
    assert (found["in_force"], found["ordered"], found["history"][0]["who"]) == ("tiles", "leather", "Anna")
    why = "changing over to recipe 'leather'"
    waiting = {**told, "ready": False, "recipe_wanted": "leather", "changeover": why, "why": why, "recipe_by_plc": 2}
    screen.running.channel.deliver(waiting)
    page.reload()
    expect(page.locator("#changing")).to_contain_text("Changing over to leather")
    expect(page.get_by_role("row", name="leather").get_by_role("button")).to_be_disabled()


def test_the_fleet_rolls_out_to_both_products_of_a_station(tmp_path: Path) -> None:
    folder = tmp_path / "stations" / "both"
    order = {"canary": "100%", "probation": {"seconds": 0.2, "parts": 3}}
    made = {name: altered_bundle(tmp_path / name, name=name, recipe__views__count=1) for name in NAMES}
    with fleet_server(tmp_path / "fleet") as server:
        credentials = server.service.context.enrolment.enrol(NewDevice(device="both", site="here", line="l1"))
        folder.mkdir(parents=True)
        (folder / "credentials.json").write_text(credentials.model_dump_json())
        (folder / "station.yaml").write_text(yaml.safe_dump({"recipes": RECIPES}))
        call = [sys.executable, "-m", "edge_agent.cli", "light", "--stations", str(folder.parent), "--rate", "10"]
        call += ["--source", "synthetic:?seed=1&fps=0&size=64&views=1"]
        with subprocess.Popen(call, stdout=subprocess.DEVNULL, env=environment()) as process:
            try:
                bundles = {n: server.publish_bundle(BundleFolder(made[n])).ref.bundle for n in ("tiles", "leather")}
                assert server.reaches(server.rollout(model="tiles", **order), "done")
                second = server.rollout(model="leather", **order)
                assert server.reaches(second, "done"), server.show(second)
                pointer = Pointer(folder, NAMES)
                assert [pointer.of(n).active for n in ("tiles", "leather")] == [bundles["tiles"], bundles["leather"]]
                assert pointer.read().recipe == "tiles"

                home = Home(folder)
                assert command(home, "recipe", "set", "2").returncode == 0
                assert eventually(lambda: pointer.read().recipe == "leather")
                shown = lambda: server.client.get("/api/v1/devices/both")  # noqa: E731
                assert eventually(lambda: shown()["running"] == bundles["leather"] and shown()["recipe"] == "leather")
                assert server.show(second)["state"] == "done", "a changeover is no fallback"
                assert shown()["recipes"]["tiles"] == {"bundle": bundles["tiles"], "release": 1}
            finally:
                process.kill()
