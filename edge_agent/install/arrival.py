"""The first half of an update: from an offer to a bundle on disk that has passed its self-test."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.contracts.bundle import BundleFolder, Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Desired, ModelRef
from edge_agent.contracts.states import UpdateState
from edge_agent.install.clock_guard import ClockGuard
from edge_agent.install.download import Download, verify_on_disk
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.selftest import SelfTestResult
from edge_agent.install.slots import bundle_folder, prune, read_slots
from edge_agent.install.transitions import Step, on_offer, release_allowed
from edge_agent.install.trust import Expired, Trust, Trusted

S = UpdateState
SelfTest = Callable[[BundleFolder, str], SelfTestResult]


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
    ) -> None:
        self._journal, self._trust, self._download, self._guard = journal, trust, download, guard
        self._device_class, self._selftest = device_class, selftest
        self._expired = False

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
        result = self._selftest(installed, self._device_class)
        return Step(S.READY, result.runtime) if result.ok else Step(S.REJECTED, result.reason)

    def progress(self, bundle: str | None) -> int:
        """Return how many bytes of the bundle have arrived; a cut download that gets on is tried again soon."""
        folder = self._download.staging(bundle or "none")
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def _offered(self, desired: Desired, model: ModelRef) -> Step:
        slots = read_slots(self._download.home.root)
        at_once = on_offer(desired, model, slots.active, self._journal.banned())
        if at_once is not None:
            return at_once
        trusted = self._verify(model)
        floor = self._journal.floor(model.name)
        if not release_allowed(model.release, floor):
            raise Rejected(f"rollback: release {model.release} of '{model.name}', but {floor} was already in use here")
        problem = unsuitable(trusted.manifest, self._device_class)
        if problem is not None:
            raise Rejected(f"hardware: {problem}")
        prune(self._download.home.root, slots.kept | {model.bundle})
        self._download.stage(model.bundle, trusted.data)
        return Step(S.VERIFIED, f"release {trusted.release}")

    def _verify(self, model: ModelRef) -> Trusted:
        reference = self._guard.reference_ms()
        try:
            trusted = self._trust.verify(model, reference)
        except Expired as error:
            self._alarm(True, str(error))
            raise
        self._alarm(False, "")
        self._guard.confirm(min(reference, trusted.fresh_until_ms))
        return trusted

    def _alarm(self, expired: bool, detail: str) -> None:
        if expired != self._expired:
            self._expired = expired
            self._journal.fault("registry-expired", expired, detail)

    def _downloading(self, bundle: str, manifest: Manifest) -> Step:
        self._download.fetch(bundle, manifest, self._device_class)
        return Step(S.STAGED)

    def _staged(self, installed: BundleFolder, manifest: Manifest) -> Step:
        damaged = verify_on_disk(installed, manifest, self._device_class)
        if not damaged:
            return Step(S.SELFTEST)
        self._download.discard(installed.folder.name, damaged)
        return Step(S.DOWNLOADING, f"blob {damaged[0].digest[:12]} was damaged on this disk")


def unsuitable(manifest: Manifest, device_class: str) -> str | None:
    """Return why a bundle cannot run on this class of device, or None. Decided before anything is downloaded."""
    variant = manifest.variant_for(device_class)
    if variant.format != "tflite":
        return f"variant '{variant.id}' for class '{device_class}' is {variant.format}, this agent runs tflite"
    if manifest.recipe.task != "vision":
        return f"the model is for {manifest.recipe.task} data, this station has a camera"
    return None
