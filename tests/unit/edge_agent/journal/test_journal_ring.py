"""The quota ring of pictures."""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.decision.sampling import Keep, PictureClass
from edge_agent.inference.heatmap import encode_png
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.journal.ring import Picture, Quota, Ring, picture_path
from tests.conftest import wait_for


class Bench:
    """A ring over a real journal, and parts to keep pictures of."""

    def __init__(self, folder: Path, quota: int, reserve: int = 0) -> None:
        self.folder = folder / "images"
        self.journal = Journal(Database(folder / "j.db"), uuid4())
        self.ring = Ring(Database(folder / "j.db"), self.folder, Quota(quota, reserve), encode_png)
        self.ring.start()

    def keep(self, kind: PictureClass, seed: int, upload: bool = False, at_ms: int = 1) -> int:
        """Store a picture of about 10 kB of noise for a new part; return the part."""
        key = self.journal.trigger("s", 1)
        self.journal.decide(key, Decision(Verdict.REJECT, Reason.MODEL), 1)
        noise = np.random.default_rng(seed).integers(0, 256, (100, 100), np.uint8)
        assert self.ring.keep(key.id, noise, Keep(kind, upload, 0.5), at_ms)
        return key.id

    def rows(self) -> list[tuple[str, int]]:
        """Digest and class of what the journal says is kept."""
        return [
            (row[0], row[1]) for row in self.journal.database._connection.execute("SELECT digest, class FROM image")
        ]


@pytest.fixture
def roomy(tmp_path: Path) -> Bench:
    return Bench(tmp_path, 10**9)


def test_a_picture_is_stored_under_its_hash_and_named_in_its_part(roomy: Bench) -> None:
    part = roomy.keep(PictureClass.REVIEW, 1, upload=True)
    roomy.ring.close()
    digest = roomy.journal.part(part).image
    assert digest is not None
    data = picture_path(roomy.folder, digest).read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    row = roomy.journal.database._connection.execute("SELECT upload, probability, bytes FROM image").fetchone()
    assert row == ("wanted", 0.5, len(data))


def test_the_same_picture_twice_is_one_file_of_the_better_class(roomy: Bench) -> None:
    roomy.keep(PictureClass.ACCEPT, 1)
    roomy.keep(PictureClass.REJECT, 1)
    roomy.ring.close()
    assert [kind for _, kind in roomy.rows()] == [PictureClass.REJECT]


@pytest.mark.fault("A07")
def test_a_full_ring_drops_the_oldest_of_the_lowest_class(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 45_000)
    kinds = [PictureClass.REVIEW, PictureClass.ACCEPT, PictureClass.ACCEPT, PictureClass.REJECT, PictureClass.AUDIT]
    parts = [bench.keep(kind, seed) for seed, kind in enumerate(kinds)]
    bench.ring.close()
    kept = dict(bench.rows())
    assert sorted(kept.values()) == [PictureClass.REVIEW, PictureClass.REJECT, PictureClass.AUDIT, PictureClass.ACCEPT]
    oldest_accept = bench.journal.part(parts[1]).image
    assert oldest_accept is not None
    assert oldest_accept not in kept
    assert not picture_path(bench.folder, oldest_accept).exists()
    assert all(picture_path(bench.folder, digest).exists() for digest in kept)
    assert bench.journal.tallies()["image.dropped"] == 1
    assert bench.journal.tallies()["parts"] == 5, "records stay"


@pytest.mark.fault("A25")
def test_the_oldest_picture_is_that_of_the_oldest_part_whatever_the_clock_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 25_000)
    times = (1_000, 9_000_000, 2, 3_000)
    parts = [bench.keep(PictureClass.ACCEPT, seed, at_ms=at_ms) for seed, at_ms in enumerate(times)]
    bench.ring.close()
    kept = {digest for digest, _ in bench.rows()}
    assert [bench.journal.part(part).image in kept for part in parts] == [False, False, True, True]


@pytest.mark.fault("A07")
def test_a_disk_without_its_reserve_costs_pictures_and_no_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 10**9, reserve=10**18)
    parts = [bench.keep(PictureClass.ACCEPT, seed) for seed in range(3)]
    bench.ring.close()
    assert len(bench.rows()) <= 1
    assert all(bench.journal.part(part).final == "reject" for part in parts)


def test_a_picture_that_a_person_waits_for_overtakes_a_run_of_rejects(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 10**9)
    for seed in range(20):
        bench.keep(PictureClass.REJECT, seed)
    urgent = bench.keep(PictureClass.REVIEW, 99, upload=True)
    wait_for(lambda: bench.journal.part(urgent).image is not None, 10, "the urgent picture")
    assert len(bench.rows()) < 20, "the others are still on their way"
    bench.ring.close()
    assert len(bench.rows()) == 21, "closing stores what waits"


def _noise(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (100, 100), np.uint8)


def _views(bench: Bench, part: int) -> list[str | None]:
    return [row[0] for row in bench.journal.database.rows("part_views", part=part)]


@pytest.mark.parametrize("upload", [False, True])
def test_all_views_of_a_part_are_kept_and_one_is_for_people(roomy: Bench, upload: bool) -> None:
    part = roomy.journal.trigger("s", 1)
    pictures = (_noise(1), None, _noise(2), _noise(3))
    assert pictures[2] is not None
    assert roomy.ring.keep(part.id, pictures[2], Keep(PictureClass.REVIEW, upload, 1.0), 1, views=pictures)
    roomy.ring.close()
    kept = _views(roomy, part.id)
    assert (len(kept), kept[1], kept[2]) == (4, None, roomy.journal.part(part.id).image)
    assert len({digest for digest in kept if digest}) == 3
    assert all(picture_path(roomy.folder, digest).is_file() for digest in kept if digest)
    sent = roomy.journal.database._connection.execute("SELECT digest FROM image WHERE upload = 'wanted'").fetchall()
    assert sent == ([(kept[2],)] if upload else []), "the fleet gets the one that people see"


def test_the_quota_counts_every_view(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 45_000)
    for number in range(3):
        part = bench.journal.trigger("s", 1)
        pictures = (_noise(2 * number), _noise(2 * number + 1))
        assert bench.ring.keep(part.id, pictures[0], Keep(PictureClass.REJECT, False, 1.0), number, views=pictures)
    bench.ring.close()
    assert len(bench.rows()) == 4
    assert sum(path.stat().st_size for path in bench.folder.rglob("*.png")) <= 45_000
    assert all(_views(bench, part.id)), "the last part is whole"


def test_views_that_come_too_fast_are_lost_and_counted_and_named_as_missing(roomy: Bench) -> None:
    part = roomy.journal.trigger("s", 1)
    pictures = tuple(_noise(seed) for seed in range(40))
    roomy.ring.keep(part.id, pictures[0], Keep(PictureClass.REJECT, False, 1.0), 1, views=pictures)
    roomy.ring.close()
    assert roomy.ring.lost == 7
    assert _views(roomy, part.id).count("") == 7


def test_as_many_pictures_wait_whatever_parts_they_are_of(roomy: Bench) -> None:
    waiting = Ring(Database(roomy.folder.parent / "j.db"), roomy.folder, Quota(10**9, 0), encode_png)
    pictures = tuple(_noise(seed) for seed in range(8))
    kept = [waiting.keep(1, pictures[0], Keep(PictureClass.REJECT, False, 1.0), 1, views=pictures) for _ in range(6)]
    assert kept == [True, True, True, True, False, False], "32 pictures"
    assert waiting.lost == 2
    roomy.ring.close()


def test_what_is_asked_for_in_the_last_moment_before_closing_is_stored(roomy: Bench) -> None:
    part = roomy.journal.trigger("s", 1)
    late = Ring(Database(roomy.folder.parent / "j.db"), roomy.folder, Quota(10**9, 0), encode_png)

    class AskedMeanwhile(deque[Any]):
        def popleft(self) -> Any:
            if not late._closing:  # the thread has found nothing urgent and looks on
                late.keep(part.id, _noise(1), Keep(PictureClass.REVIEW, True, 1.0), 1)
                late._closing = True
            return super().popleft()

    late._others = AskedMeanwhile()
    late.start()
    wait_for(lambda: roomy.journal.part(part.id).image is not None, 5, "the picture that was asked for last")
    late.close()
    roomy.ring.close()
