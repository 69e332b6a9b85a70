import os

from trainer.pipeline.cache import Store, tree_digest, write_atomically


def _staged(store, name, content):
    folder = store.stage(name)
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text(content)
    return folder


def test_equal_content_is_kept_once_whatever_its_name_and_time(tmp_path):
    store = Store(tmp_path)
    first = store.publish(_staged(store, "a", "x"))
    staged = _staged(store, "b", "x")
    os.utime(staged / "sub" / "file", (1, 1))
    assert store.publish(staged) == first
    assert not staged.exists()
    assert len(list(store.cas.glob("*/*"))) == 1


def test_other_content_has_another_digest(tmp_path):
    store = Store(tmp_path)
    assert store.publish(_staged(store, "a", "x")) != store.publish(_staged(store, "b", "y"))


def test_damaged_content_is_not_held_and_is_replaced(tmp_path):
    store = Store(tmp_path)
    digest = store.publish(_staged(store, "a", "x"))
    (store.path(digest) / "sub" / "file").write_text("z")
    assert not store.holds(digest)
    assert store.publish(_staged(store, "a", "x")) == digest
    assert store.holds(digest)


def test_cleaning_removes_staged_content_and_keeps_checkpoints(tmp_path):
    store = Store(tmp_path)
    staged = _staged(store, "a", "x")
    scratch = store.scratch_folder("k" * 64)
    (scratch / "checkpoint").touch()
    store.clean()
    assert not staged.exists()
    assert (scratch / "checkpoint").exists()
    store.drop_scratch("k" * 64)
    assert not scratch.exists()


def test_a_tree_is_named_by_paths_and_content(tmp_path):
    for name, file in (("one", "a"), ("two", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("same")
    assert tree_digest(tmp_path / "one") != tree_digest(tmp_path / "two")


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "deep" / "file.json"
    write_atomically(target, b"1")
    write_atomically(target, b"2")
    assert target.read_bytes() == b"2"
    assert list(target.parent.iterdir()) == [target]


def test_a_pipe_takes_what_it_is_given_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, b"whole")
    assert os.read(reading, 10) == b"whole"
    os.close(reading)
    assert pipe.is_fifo()
