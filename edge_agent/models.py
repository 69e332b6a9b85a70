"""The models of this process: loaded beside the line, changed between two parts."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.capture.codes import check_decoder
from edge_agent.challenger import Challenger
from edge_agent.channel import Message
from edge_agent.config import RuntimeConfig
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.home import Home
from edge_agent.inference.champion import Champion, Model, load_model
from edge_agent.inference.loading import Loaded, Loader, Part
from edge_agent.install.slots import Slots
from edge_agent.install.tuning import delegate_of, threads_for

LoadFolder = Callable[[BundleFolder, str], Model]
"""Loads the variant of a bundle for a device class."""

ORDERS = frozenset({"activate", "revert", "challenger", "warm"})
"""Kinds of messages that are about models."""

_log = logging.getLogger("lineside.models")


class Models:
    """Obeys what the uplink asks of champion and challenger; `taken` hears of each model that judges from now on.

    A model that does not fit, being of a recipe that is not wanted any more, is left. `trouble` is why the last one
    could not be loaded.
    """

    def __init__(
        self,
        load: Callable[[str], Model],
        champion: Champion,
        challenger: Challenger,
        send: Callable[[Message], None],
        taken: Callable[[Model], None],
        fits: Callable[[Model], bool] = lambda model: True,
    ) -> None:
        self.trouble = ""
        self._fits = fits
        self._loader = Loader(load)
        self._champion, self._challenger, self._send, self._taken = champion, challenger, send, taken

    def report(self) -> Message:
        """Return what is told of the models beside the one in use: the challenger and its share, and what is warm."""
        challenger = self._challenger.model
        beside = challenger.bundle if challenger is not None else None
        return {"challenger": beside, "share": self._challenger.share, "warm": self._champion.kept_warm}

    def load_installed(self, slots: Slots) -> None:
        """Load the active bundle, or, where it cannot be loaded, the one before it: the line must not stand still."""
        for bundle in dict.fromkeys(b for b in (slots.active, slots.previous, slots.last_good) if b):
            self._take(self._loader.load_now(bundle))
            if self._champion.active is not None:
                return

    def obey(self, message: Message) -> None:
        """Do what a message of one of the `ORDERS` asks for (`edge_agent.channel`)."""
        kind, bundle = message["kind"], message.get("bundle")
        if kind == "challenger":
            self.challenge(bundle, float(message.get("share", 0.0)))
        elif kind == "warm":
            self.keep_warm(bundle)
        else:
            self.activate(str(bundle))

    def activate(self, bundle: str) -> None:
        """Let a bundle judge: at once where it is in memory, as challenger too, else as soon as it is loaded."""
        model = self._champion.loaded(bundle) or self._challenger.loaded(bundle)
        if model is None:
            self._loader.request(bundle)
        else:
            self._take(Loaded(bundle, model))

    def challenge(self, bundle: str | None, share: float = 0.0) -> None:
        """Let a bundle judge beside the champion as soon as it is loaded, and decide a share; None: no more."""
        if self._challenger.want(bundle, share) and bundle is not None:
            self._loader.request(bundle, Part.CHALLENGER)

    def keep_warm(self, bundle: str | None) -> None:
        """Hold a bundle in memory, ready to take over, whatever is loaded and changed meanwhile; None: no more."""
        self._champion.held = self._champion.loaded(bundle) if bundle is not None else None
        if bundle is not None and self._champion.held is None:
            self._loader.request(bundle, Part.WARM)

    def take_loaded(self) -> None:
        """Take over what has been loaded meanwhile."""
        loaded = self._loader.finished()
        if loaded is None:
            return
        if loaded.part is Part.CHALLENGER:
            self._set_beside(loaded)
        elif loaded.part is Part.WARM:
            self._set_warm(loaded)
        else:
            self._take(loaded)

    def _take(self, loaded: Loaded) -> None:
        if loaded.model is None:
            _log.error("bundle %s cannot be used: %s", loaded.bundle[:12], loaded.reason)
            self.trouble = loaded.reason
            self._failed("activate_failed", loaded)
            return
        if not self._fits(loaded.model):
            return
        self.trouble = ""
        self._champion.take(loaded.model)
        if self._challenger.wanted == loaded.bundle:
            self._challenger.want(None)
        self._taken(loaded.model)
        self._send({"to": "uplink", "kind": "activated", "bundle": loaded.bundle})

    def _set_beside(self, loaded: Loaded) -> None:
        if loaded.bundle != self._challenger.wanted:
            return
        if loaded.model is not None:
            self._challenger.take(loaded.model)
            return
        self._challenger.want(None)
        self._failed("challenger_failed", loaded)

    def _set_warm(self, loaded: Loaded) -> None:
        if loaded.model is None:
            _log.error("bundle %s cannot be kept warm: %s", loaded.bundle[:12], loaded.reason)
        else:
            self._champion.held = loaded.model

    def _failed(self, kind: str, loaded: Loaded) -> None:
        self._send({"to": "uplink", "kind": kind, "bundle": loaded.bundle, "reason": loaded.reason})


def loading(
    home: Home, device_class: str, runtime: RuntimeConfig, load_folder: LoadFolder | None
) -> Callable[[str], Model]:
    """Return what loads an installed bundle; `load_folder` instead of the runtime's own way to do it.

    Where its recipe reads codes, the decoder is loaded too, so that the first part does not wait for it. What is
    returned raises Rejected and ConfigError.
    """

    def load(bundle: str) -> Model:
        folder = home.bundle(bundle)
        if not folder.is_dir():
            raise Rejected(f"bundle {bundle[:12]} is not installed")
        model = (load_folder or own)(BundleFolder(folder), device_class)
        if model.recipe.identity.source == "code":
            check_decoder()
        return model

    def own(folder: BundleFolder, kind: str) -> Model:
        bundle = folder.folder.name
        threads = threads_for(home.root, bundle, runtime.threads)
        return load_model(folder, kind, threads, bundle, delegate_of(runtime))

    return load
