"""Results by content: folders named by the digest of what is in them, written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from edge_agent.contracts.encoding import canonical_json, digest_bytes, digest_file
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.outfile import is_stream
from trainer.pipeline.lock import file_lock
from trainer.pipeline.staging import StagingArea, sweep


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the disk's refusal to write at `path` into Unavailable, in one line."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path}: cannot be written ({error.strerror}); free space and run again") from error


def tree_digest(folder: Path) -> str:
    """Return the digest of a folder's content: relative paths and SHA-256 of each file; times do not count."""
    return digest_bytes(canonical_json({str(p.relative_to(folder)): digest_file(p) for p in _files(folder)}))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


class Store:
    """The content-addressed store below `ROOT/cas`, with a staging area beside it, on the same file system.

    Several processes may use it at once: each stages in an area of its own, which dies with it.
    """

    def __init__(self, root: Path) -> None:
        self.cas = root / "cas"
        self.staging = root / "staging"
        self.scratch = root / "scratch"
        self.locks = root / "locks"
        self._area = StagingArea(self.staging)

    def path(self, digest: str) -> Path:
        """Return where content with this digest lies, or would lie."""
        return self.cas / digest[:2] / digest

    def stage(self, name: str) -> Path:
        """Return a new empty folder whose content can be published later."""
        folder = self._area.folder() / name
        shutil.rmtree(folder, ignore_errors=True)
        with writing(folder):
            folder.mkdir(parents=True)
        return folder

    def publish(self, staged: Path, digest: str = "") -> str:
        """Move a staged folder into the store: fsync every file, rename, fsync the folder. Returns the digest.

        `digest` is the staged content's where it is known. Content that is there already is kept and the staged copy
        dropped. Raises Unavailable when the disk refuses.
        """
        with writing(self.cas):
            digest = digest or tree_digest(staged)
            with self._locked(digest):
                self._place(staged, digest)
        shutil.rmtree(staged, ignore_errors=True)
        return digest

    def _place(self, staged: Path, digest: str) -> None:
        target = self.path(digest)
        if self.holds(digest):
            return
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(staged)
        staged.rename(target)
        sync(target.parent)

    def holds(self, digest: str) -> bool:
        """Say whether the content is there and whole: it is read and hashed, for disks forget."""
        folder = self.path(digest)
        try:
            return folder.is_dir() and tree_digest(folder) == digest
        except FileNotFoundError:  # somebody removes it at this moment
            return False

    def evict(self, digest: str) -> None:
        """Remove content that is damaged; what another run has mended meanwhile stays."""
        with self._locked(digest):
            if not self.holds(digest):
                shutil.rmtree(self.path(digest), ignore_errors=True)

    def unstage(self, prefix: str) -> None:
        """Remove what was staged here under names that begin so."""
        for folder in self._area.folder().glob(f"{prefix}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> None:
        """Remove what was staged here; checkpoints stay."""
        self._area.close()

    def sweep(self) -> None:
        """Remove what killed processes left half done; checkpoints stay."""
        sweep(self.staging)

    def scratch_folder(self, key: str) -> Path:
        """Return the folder in which an execution with this key keeps its checkpoints."""
        folder = self.scratch / key[:16]
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_scratch(self, key: str) -> None:
        """Remove the checkpoints of a key whose result is published."""
        shutil.rmtree(self.scratch / key[:16], ignore_errors=True)

    def _locked(self, digest: str) -> AbstractContextManager[None]:
        return file_lock(self.locks / f"content-{digest[:16]}", remove=True)


def sync_tree(folder: Path) -> None:
    """Make sure that every file and folder below `folder` is on the disk."""
    for path in _files(folder):
        sync(path)
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file by new content that is either whole or not there: temporary file, fsync, rename.

    A device or a pipe is written to as it is.
    Raises Unavailable when the disk refuses; what was there before stays.
    """
    if is_stream(path):
        with writing(path):
            path.write_bytes(data)
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            sync(path.parent)
    except Unavailable:
        with suppress(OSError):
            unfinished.unlink()
        raise
