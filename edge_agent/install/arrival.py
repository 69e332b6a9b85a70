"""The first half of an update: from an offer to a bundle on disk that has passed its self-test."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

from edge_agent.contracts.bundle import BundleFolder, Manifest
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.messages import Desired, ModelRef, Strategy
from edge_agent.contracts.states import UpdateState
from edge_agent.decision.canary import unlike
from edge_agent.install.clock_guard import ClockGuard
from edge_agent.install.download import Download, verify_on_disk
from edge_agent.install.proofs import Proofs
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.selftest import SelfTestResult
from edge_agent.install.slots import Pointer, bundle_folder, prune
from edge_agent.install.transitions import NO_SHARE, Step, after_selftest, on_offer, release_allowed
from edge_agent.install.trust import Expired, Trust, Trusted

S = UpdateState
_NEEDED = re.compile(r"^(?P<name>ai-edge-litert|tflite-runtime)-(?P<version>[\d.]+)$")
SelfTest = Callable[[BundleFolder, str], SelfTestResult]

STALE_MS = 6 * 3_600_000
"""The registry signs a timestamp for a day and anew after half of it: with so little left, something is wrong."""


class Arrival:
    """The work of OFFERED to SELFTEST. Each returns the next step, and may be repeated after a cut.

    Raises Rejected, Failed, Unavailable or Interrupted as the work may end.
    """

    def __init__(
        self,
        journal: InstallJournal,
        trust: Trust,
        download: Download,
        guard: ClockGuard,
        device_class: str,
        selftest: SelfTest,
        proofs: Proofs,
        recipes: frozenset[str] = frozenset(),
    ) -> None:
        self._pointer = Pointer(download.home.root, recipes)
        self._journal, self._trust, self._download, self._guard = journal, trust, download, guard
        self._device_class, self._selftest, self._proofs = device_class, selftest, proofs
        self._alarms: set[str] = set()

    def work(self, record: Record) -> Step:
        """Do the work of the record's state."""
        assert record.desired is not None
        assert record.desired.model is not None
        if record.state is S.OFFERED:
            return self._offered(record.desired, record.desired.model)
        if record.state is S.VERIFIED:
            return Step(S.DOWNLOADING)
        manifest = self._download.staged_manifest(record.desired.model.bundle)
        if record.state is S.DOWNLOADING:
            return self._downloading(record.desired.model.bundle, manifest)
        installed = bundle_folder(self._download.home.root, record.desired.model.bundle)
        if record.state is S.STAGED:
            return self._staged(installed, manifest)
        assert record.state is S.SELFTEST
        return self._tested(installed, record.desired)

    def progress(self, bundle: str | None) -> int:
        """Return how many bytes of the bundle have arrived; a cut download that gets on is tried again soon."""
        folder = self._download.staging(bundle or "none")
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def _offered(self, desired: Desired, model: ModelRef) -> Step:
        self._pointer.admit(model.name)
        slots = self._pointer.of(model.name)
        beside = slots.active if not self._pointer.rests(model.name) else None
        at_once = on_offer(desired, model, slots.active, beside, self._journal.banned())
        if at_once is not None:
            return at_once
        trusted = self._verify(model)
        floor = self._journal.floor(model.name)
        if not release_allowed(model.release, floor):
            raise Rejected(f"rollback: release {model.release} of '{model.name}', but {floor} was already in use here")
        problem = unsuitable(trusted.manifest, self._device_class, installed_runtimes())
        if problem is not None:
            raise Rejected(f"hardware: {problem}")
        if desired.strategy is Strategy.SHADOW and desired.parts_share > 0 and beside is not None:
            in_use = bundle_folder(self._download.home.root, beside).open()
            if why := unlike(in_use.recipe, trusted.manifest.recipe):
                raise Rejected(NO_SHARE.format(why))
        prune(self._download.home.root, slots.kept | {model.bundle})
        self._download.stage(model.bundle, trusted.data)
        return Step(S.VERIFIED, f"release {trusted.release}")

    def _verify(self, model: ModelRef) -> Trusted:
        reference = self._guard.reference_ms()
        try:
            trusted = self._trust.verify(model, reference)
        except Expired as error:
            self._alarm("registry-expired", True, str(error))
            raise
        self._fresh(reference, trusted.fresh_until_ms)
        return trusted

    def look(self) -> None:
        """Refresh the trusted metadata of a settled device, and raise the alarm while there is time to mend it."""
        reference = self._guard.reference_ms()
        try:
            self._fresh(reference, self._trust.fresh_until_ms(reference))
            self._alarm("registry-refused", False, "")
        except Expired as error:
            self._alarm("registry-expired", True, str(error))
        except Rejected as error:
            self._alarm("registry-refused", True, str(error))
        except Unavailable:
            return

    def _fresh(self, reference_ms: int, until_ms: int) -> None:
        left_ms = until_ms - reference_ms
        self._alarm("registry-expired", False, "")
        stale = f"the registry's timestamp is good for {left_ms / 3_600_000:.1f} h more; is the fleet server running?"
        self._alarm("registry-stale", left_ms < STALE_MS, stale)
        self._guard.confirm(min(reference_ms, until_ms))

    def _alarm(self, code: str, active: bool, detail: str) -> None:
        if active != (code in self._alarms):
            (self._alarms.add if active else self._alarms.discard)(code)
            self._journal.fault(code, active, detail if active else "")

    def _downloading(self, bundle: str, manifest: Manifest) -> Step:
        self._download.fetch(bundle, manifest, self._device_class)
        return Step(S.STAGED)

    def _staged(self, installed: BundleFolder, manifest: Manifest) -> Step:
        damaged = verify_on_disk(installed, manifest, self._device_class)
        if not damaged:
            return Step(S.SELFTEST)
        self._download.discard(installed.folder.name, damaged)
        return Step(S.DOWNLOADING, f"blob {damaged[0].digest[:12]} was damaged on this disk")

    def _tested(self, installed: BundleFolder, desired: Desired) -> Step:
        """Try the golden pictures, unless these bytes, which were just read back, have passed here before."""
        bundle = installed.folder.name
        if self._proofs.holds(bundle):
            return after_selftest(desired, "passed its self-test here before")
        result = self._selftest(installed, self._device_class)
        if not result.ok:
            return Step(S.REJECTED, result.reason)
        self._proofs.add(bundle)
        return after_selftest(desired, result.runtime)


def installed_runtimes() -> dict[str, str]:
    """Return the TFLite runtimes that are installed, name to version, without importing them."""
    found = {}
    for name in ("ai-edge-litert", "tflite-runtime"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def unsuitable(manifest: Manifest, device_class: str, runtimes: Mapping[str, str]) -> str | None:
    """Return why a bundle cannot run on this class of device, or None. Decided before anything is downloaded.

    `runtimes` maps installed runtimes to their versions. A variant for `tflite-runtime` of some version runs on any
    LiteRT too, which is younger; one for LiteRT does not run on `tflite-runtime`.
    """
    variant = manifest.variant_for(device_class)
    if variant.format != "tflite":
        return f"variant '{variant.id}' for class '{device_class}' is {variant.format}, this agent runs tflite"
    if manifest.recipe.task != "vision":
        return f"the model is for {manifest.recipe.task} data, this station has a camera"
    found = _NEEDED.match(variant.min_runtime)
    if found is None or (found["name"] == "tflite-runtime" and "ai-edge-litert" in runtimes):
        return None
    present = runtimes.get(found["name"])
    if present is None or _numbers(present) < _numbers(found["version"]):
        have = ", ".join(f"{name} {number}" for name, number in runtimes.items()) or "none"
        return f"variant '{variant.id}' needs {variant.min_runtime}, this device has {have}"
    return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
