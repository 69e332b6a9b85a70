"""The lineage of a real bundle as a page, in a real headless Chromium, with a fleet that runs it."""

import json

import pytest
from playwright.sync_api import expect

from tests.simulators.ticket_fleet import TicketFleet
from tests.simulators.tiny_pipeline import result, trainer

pytestmark = pytest.mark.slow


def _device(name, site, running):
    more = {"line": "line-1", "status": "online", "state": "serving", "running_release": 1}
    return {"id": name, "site": site, "running": running, **more}


def _rollout(bundle):
    named = {"id": "r7", "model": "machined-surface", "version": "v1", "bundle": bundle, "release": 1}
    stages = [{"stage": 1, "devices": 2, "committed": 2, "failed": 0}]
    more = {"state": "complete", "strategy": "canary", "stage": 1, "stages": stages, "counts": {"committed": 2}}
    return {**named, **more, "reason": "", "where": "", "created_by": "anna", "created_ms": 1_700_000_000_000}


@pytest.fixture(scope="module")
def written(tiny_run, tmp_path_factory):
    """The page and the answer of the command that wrote it."""
    root, _ = tiny_run
    folder = tmp_path_factory.mktemp("lineage")
    bundle = json.loads((root / "blessed.json").read_text())[0]["bundle"]
    devices = [_device("a", "north", bundle), _device("b", "north", bundle), _device("c", "south", "f" * 64)]
    fleet = TicketFleet(lists={"rollouts": [_rollout(bundle)], "devices": devices})
    stop = fleet.serve(folder / "home")
    try:
        where = ("--html", folder / "page.html", "--fleet-home", folder / "home")
        told = result(trainer("pipeline", "lineage", "machined-surface@v1", "--root", root, *where, "--json"))
    finally:
        stop()
    return folder / "page.html", told


@pytest.fixture
def page(written, browser):
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, offline=True)
    made = context.new_page()
    made.on("pageerror", lambda error: pytest.fail(str(error)))
    made.goto(written[0].as_uri())
    yield made
    context.close()


def test_from_the_data_to_the_devices_every_node_is_there(written, page):
    path, told = written
    titles = page.locator(".node .title").all_text_contents()
    for wanted in ("RawImages", "Examples", "Schema", "TransformGraph", "Model", "ModelBlessing", "InfraBlessing"):
        assert wanted in titles
    assert {"Bundle v1", "PushedModel v1", "Rollout r7", "2 devices"} <= set(titles)
    assert told["nodes"] == len(titles) == page.locator(".node").count()
    assert told["edges"] == page.locator("path[data-from]").count()
    text = path.read_text()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_a_node_that_is_chosen_shows_its_properties_and_what_it_was_made_of(page):
    expect(page.locator("#facts h2")).to_have_text("Bundle v1")
    page.locator(".node", has_text="TransformGraph").click()
    expect(page.locator("#facts h2")).to_have_text("TransformGraph")
    expect(page.locator("#facts")).to_contain_text("trainer.components.transform:transform")
    page.get_by_role("button", name="examples: Examples").click()
    expect(page.locator("#facts h2")).to_have_text("Examples")
    page.locator(".node.devices").focus()
    expect(page.locator("#facts")).to_contain_text("online, serving, release 1")


def test_pointing_at_a_node_lights_what_it_comes_from_and_what_became_of_it(page):
    page.locator(".node", has_text="InfraBlessing").hover()
    assert page.locator(".node.near", has_text="RawImages").count() == 1
    assert page.locator(".node.near", has_text="PushedModel").count() == 1
    assert page.locator(".node.near", has_text="ModelEvaluation").count() == 0


def test_devices_are_asked_for_only_with_a_page(tiny_run, tmp_path):
    done = trainer("pipeline", "lineage", "machined-surface@v1", "--root", tiny_run[0], "--fleet-home", tmp_path)
    assert done.returncode == 5
    assert "--fleet-home needs --html FILE" in done.stderr
