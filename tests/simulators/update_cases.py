"""What the fault cases of the model update share: a device with a champion, kills, and what must hold after them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.messages import Desired, ModelRef, Stream, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.install.slots import read_slots
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from tests.simulators.installing import NO_PROBATION, Installer
from tests.simulators.made_up import made_up_bundle
from tests.simulators.registry import RegistrySimulator

S = UpdateState
ROOT = Path(__file__).parents[2]
BUNDLES = ROOT / "tests/fixtures/bundles"
YEARS_10_S = 10 * 365 * 86_400


def with_champion(registry: RegistrySimulator, tmp_path: Path) -> tuple[ModelRef, ModelRef]:
    """Make a device on which release 1 is committed; return release 1 and 2."""
    first, second = (made_up_bundle(tmp_path / "made", v, model=v.encode() * 200_000) for v in ("1", "2"))
    refs = registry.publish(first, 1), registry.publish(second, 2)
    device = station(registry, tmp_path)
    device.offer(refs[0])
    assert device.work().state is S.COMMITTED
    device.close()
    return refs


def station(registry: RegistrySimulator, tmp_path: Path, **more: object) -> Installer:
    device = Installer(tmp_path / "home", registry.url, registry.root_dict(), **more)  # type: ignore[arg-type]
    device.updater.resume()
    return device


def run_until_killed(registry: RegistrySimulator, tmp_path: Path, desired: Desired, kill: str) -> int:
    """Run the installer in a process of its own; return its exit code (-9 when the point was reached)."""
    trusted = tmp_path / "root.json"
    trusted.write_text(json.dumps(registry.root_dict()))
    call = [sys.executable, "-m", "tests.simulators.installing", str(tmp_path / "home"), registry.url, str(trusted)]
    done = subprocess.run([*call, encode(desired).decode(), kill], cwd=ROOT, timeout=60, check=False)
    return done.returncode


def check_whole(tmp_path: Path, first: ModelRef, second: ModelRef) -> None:
    """The pointer names whole bundles, a model serves, and nothing unproven is the last good one."""
    slots = read_slots(tmp_path / "home")
    assert slots.active in (first.bundle, second.bundle)
    for bundle in slots.kept:
        folder = BundleFolder(tmp_path / "home/bundles" / bundle)
        assert folder.problems(folder.open(bundle).blobs_for("generic")) == []
    if slots.last_good == second.bundle:
        assert state(tmp_path) == "COMMITTED"
    else:
        assert slots.last_good == first.bundle


def state(tmp_path: Path) -> str:
    database = Database(tmp_path / "home/journal.db")
    row = database.row("read_installation")
    database.close()
    assert row is not None
    return str(row[0])


def wish(ref: ModelRef, generation: int = 2, **more: object) -> Desired:
    return Desired(generation=generation, at_ms=0, model=ref, **{"probation": NO_PROBATION, **more})  # type: ignore[arg-type]


def biggest(registry: RegistrySimulator, ref: ModelRef) -> str:
    """Return the path of the model's blob."""
    manifest = json.loads(registry.files[f"targets/{ref.name}/{ref.release}/{ref.bundle}.manifest.json"])
    return f"blobs/sha256/{manifest['variants'][0]['blob']['digest']}"


def events(device: Installer, boot: object = None) -> list[outbox.Entry]:
    return outbox.page(device.database, boot or device.boot, Stream.EVENT, 0, 1000)  # type: ignore[arg-type]


def alarms(device: Installer) -> list[tuple[str, bool]]:
    """Return the faults told to the fleet, in order."""
    facts = [json.loads(entry.payload) for entry in events(device)]
    return [(fact["code"], fact["active"]) for fact in facts if fact["kind"] == "fault"]


def with_other_resize(bundle: BundleFolder, folder: Path) -> BundleFolder:
    """Return the bundle with golden answers that another preprocessing would give: the defect class comes first."""
    content = json.loads(bundle.manifest_bytes())
    content["version"] = "swapped"
    for case in content["golden"]["cases"]:
        case["expected"] = {
            variant: [shares[1], shares[0], *shares[2:]] for variant, shares in case["expected"].items()
        }
    (folder / "blobs/sha256").mkdir(parents=True)
    for path in (bundle.folder / "blobs/sha256").iterdir():
        os.link(path, folder / "blobs/sha256" / path.name)
    (folder / "manifest.json").write_bytes(canonical_json(content))
    return BundleFolder(folder)
