import os
import time

import pytest

from edge_agent.contracts.encoding import digest_bytes
from trainer.pipeline.files import digests
from trainer.pipeline.index import Index


@pytest.fixture
def index(tmp_path):
    found = Index(tmp_path / "root")
    yield found
    found.close()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(b"one")
    return path


def _later():
    return time.time_ns() + 10**9


def test_a_known_file_is_not_read_again(index, file):
    digests([file], index, _later)
    stat, hashed, _ = index.known_files()[str(file)]
    index.remember_files([(str(file), stat, hashed, "remembered")])
    assert digests([file], index, _later) == {file: "remembered"}


@pytest.mark.fault("T11")
def test_an_edit_in_place_of_the_same_size_and_times_is_found(index, file):
    before = file.stat()
    digests([file], index, _later)
    time.sleep(0.02)
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests([file], index, _later) == {file: digest_bytes(b"two")}


@pytest.mark.fault("T11")
def test_touching_gives_the_same_digest(index, file):
    first = digests([file], index, _later)
    os.utime(file, (1, 1))
    assert digests([file], index, _later) == first


def test_a_file_written_within_the_clocks_tick_is_not_believed(index, file):
    digests([file], index, lambda: file.stat().st_ctime_ns)
    assert index.known_files()[str(file)][2] == digest_bytes(b"one")
    file.write_bytes(b"two")
    assert digests([file], index, _later) == {file: digest_bytes(b"two")}


def test_a_missing_file_is_left_out(index, file, tmp_path):
    assert set(digests([file, tmp_path / "gone"], index, _later)) == {file}
