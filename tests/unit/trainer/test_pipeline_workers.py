import threading

import pytest

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.executor import Executor
from trainer.pipeline.workers import PLAIN_S, TENSORFLOW_S, Workers, pays


@pytest.mark.parametrize(
    ("waited", "expected", "remaining", "answer"),
    [
        (0, 30, 30, True),
        (0, 5, 30, False),
        (0, 30, 5, False),
        (9, None, None, False),
        (10, None, None, True),
        (99, 2, None, False),
        (99, None, 3, False),
        (0, 30, None, False),
        (10, 30, None, True),
    ],
)
def test_a_further_worker_is_started_when_it_saves_more_than_it_costs(waited, expected, remaining, answer):
    assert pays(waited, 10, expected, remaining) is answer


@pytest.fixture
def workers(tmp_path):
    made = Workers(2, lambda number: Executor(tmp_path / f"{number}.log"), lambda: 0.0)
    yield made
    made.stop()


def test_a_worker_is_used_again(workers):
    with workers.use(10, 1) as first:
        pass
    with workers.use(10, 1) as second:
        assert second is first
    assert workers.count == 1


def test_a_long_step_beside_a_long_one_gets_a_worker_of_its_own(workers):
    with workers.use(10, 60) as first, workers.use(10, 60) as second:
        assert second is not first
    assert workers.count == 2


def test_a_short_step_waits_for_the_worker_that_is_there(workers):
    got = []

    def short():
        with workers.use(10, 1) as executor:
            got.append(executor)

    thread = threading.Thread(target=short)
    with workers.use(10, 60) as first:
        thread.start()
        thread.join(0.3)
        assert got == []
    thread.join()
    assert got == [first]
    assert workers.count == 1


def test_who_waits_is_told_when_the_run_is_interrupted(workers):
    with workers.use(10, 60):
        workers.stop()
        with pytest.raises(Unavailable, match="interrupted"), workers.use(10, 1):
            pass


def test_tensorflow_is_imported_by_one_further_worker_and_its_steps_go_there(workers):
    prepared = []
    with workers.use(PLAIN_S, 1) as plain:
        workers.prepare(prepared.append, beside=True)
        workers.prepare(prepared.append, beside=True)
        assert len(prepared) == 1
        with workers.use(TENSORFLOW_S, None) as trains:
            assert trains is prepared[0]
    with workers.use(PLAIN_S, 1) as again:
        assert again is plain
    with workers.use(TENSORFLOW_S, 1) as again:
        assert again is trains


def test_without_room_for_a_further_worker_nothing_is_imported_ahead(tmp_path):
    made = Workers(1, lambda number: Executor(tmp_path / f"{number}.log"), lambda: 0.0)
    prepared = []
    with made.use(PLAIN_S, 1):
        made.prepare(prepared.append, beside=True)
    assert prepared == []
    made.prepare(prepared.append, beside=False)
    with made.use(TENSORFLOW_S, 1) as executor:
        assert prepared == [executor]
    assert made.count == 1
