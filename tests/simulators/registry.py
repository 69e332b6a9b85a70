"""A small TUF registry behind a real HTTP server, which can cut, corrupt, hang and replay."""

from __future__ import annotations

import base64
import copy
import json
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.messages import ModelRef

USER, PASSWORD = "station-1", "secret"


class RegistrySimulator:
    """Signs and serves releases. `files` maps paths to bytes; the other attributes are the faults to make.

    `cuts`: path -> how many bytes of each answer are sent before the connection is cut (a list, one per answer).
    `corrupt`: paths whose last byte is flipped. `down`: every request gets HTTP 503. `ranges`: False = ignores Range.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cuts: dict[str, list[int]] = {}
        self.corrupt: set[str] = set()
        self.endless: set[str] = set()
        self.down, self.ranges, self.delay_s = False, True, 0.0
        self.requests: list[tuple[str, str | None]] = []
        self.uploads: dict[str, bytes] = {}
        self.users = {USER}
        self.version, self.targets_threshold = 0, 1
        self.expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
        self._targets: dict[str, TargetFile] = {}
        self._signers = {role: [CryptoSigner.generate_ed25519()] for role in ("root", "timestamp", "snapshot")}
        self._signers["targets"] = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()]
        self.root = self._make_root(1)
        self.sign()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Base address for the device's credentials."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def root_dict(self) -> dict[str, Any]:
        """The trusted root as the credentials carry it."""
        content: dict[str, Any] = json.loads(self.root.to_bytes())
        return content

    def publish(self, bundle: BundleFolder, release: int, /, **lies: Any) -> ModelRef:
        """Sign a release of the bundle and serve its blobs; `lies` overwrite what is signed."""
        manifest = bundle.open()
        ref = ModelRef(name=manifest.name, version=manifest.version, release=release, bundle=bundle.id)
        data = bundle.manifest_bytes()
        target = TargetFile.from_data(ref.target, data, ["sha256"])
        target.unrecognized_fields["custom"] = {**ref.model_dump(mode="json", exclude_defaults=True), **lies}
        self._targets[ref.target] = target
        self.files[f"targets/{ref.name}/{release}/{bundle.id}.manifest.json"] = data
        for blob in manifest.blobs():
            self.files[blob.path] = bundle.path(blob).read_bytes()
        self.sign()
        return ref

    def sign(self, targets_signers: int | None = None) -> None:
        """Sign all roles anew, targets by the first `targets_signers` keys (all by default)."""
        self.version += 1
        targets = Targets(version=self.version, expires=self.expires, targets=copy.deepcopy(self._targets))
        snapshot = Snapshot(self.version, expires=self.expires, meta={"targets.json": MetaFile(self.version)})
        self._put(f"{self.version}.targets.json", targets, self._signers["targets"][:targets_signers])
        self._put(f"{self.version}.snapshot.json", snapshot, self._signers["snapshot"])
        self._put("timestamp.json", self._timestamp(self.version), self._signers["timestamp"])

    def rotate_targets_key(self, threshold: int = 2) -> None:
        """Replace the first targets key by a new root, and sign everything again."""
        self._signers["targets"][0] = CryptoSigner.generate_ed25519()
        self.targets_threshold = threshold
        self.root = self._make_root(self.root.signed.version + 1)
        self.sign()

    def _timestamp(self, version: int) -> Timestamp:
        return Timestamp(version=version, expires=self.expires, snapshot_meta=MetaFile(version))

    def _make_root(self, version: int) -> Metadata[Root]:
        root = Root(version=version, expires=datetime(2050, 1, 1, tzinfo=timezone.utc), consistent_snapshot=True)
        for role, signers in self._signers.items():
            for signer in signers:
                root.add_key(signer.public_key, role)
        root.roles["targets"].threshold = self.targets_threshold
        return self._put(f"{version}.root.json", root, self._signers["root"])

    def _put(self, name: str, signed: Any, signers: list[CryptoSigner]) -> Metadata[Any]:
        metadata = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        self.files[f"metadata/{name}"] = metadata.to_bytes()
        return metadata

    def asked(self, path: str) -> list[str | None]:
        """Return the Range headers with which a path was asked for."""
        return [asked for found, asked in self.requests if found == path]

    def __enter__(self) -> RegistrySimulator:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(registry: RegistrySimulator) -> type[BaseHTTPRequestHandler]:
    def known(header: str | None) -> bool:
        user, _, password = base64.b64decode((header or "Basic ")[6:]).decode().partition(":")
        return password == PASSWORD and user in registry.users

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            return

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            registry.requests.append((path, self.headers.get("Range")))
            time.sleep(registry.delay_s)
            data = registry.files.get(path)
            if registry.down or data is None or not known(self.headers.get("Authorization")):
                return self._say(503 if registry.down else 404 if data is None else 401)
            self._send(path, data)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if registry.down or not known(self.headers.get("Authorization")):
                return self._say(503 if registry.down else 401)
            registry.uploads[self.path.rsplit("/", 1)[1]] = body
            self._say(204)

        def _send(self, path: str, data: bytes) -> None:
            if path in registry.corrupt:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if path in registry.endless:
                data = data * 1000
            offset = int(self.headers.get("Range", "bytes=0-")[6:-1]) if registry.ranges else 0
            self.send_response(206 if offset else 200)
            if offset:
                self.send_header("Content-Range", f"bytes {offset}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - offset))
            self.end_headers()
            cuts = registry.cuts.get(path, [])
            if cuts:
                self.wfile.write(data[offset : offset + cuts.pop(0)])
                self.close_connection = True
                return
            self.wfile.write(data[offset:])

        def _say(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
