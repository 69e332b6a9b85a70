"""Who trains on which rows, and who trains together: rules without TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.contracts.errors import ConfigError
from trainer.cli import main
from trainer.distribute.batches import share_of
from trainer.distribute.cluster import Cluster, local_clusters, parse_cluster
from trainer.pipeline.driver import Driver
from trainer.pipeline.recipes import load
from trainer.tasks.order import Order, task_of


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_the_shares_of_a_batch_are_the_batch(replicas: int) -> None:
    rows = np.arange(100, 108)
    shares = [share_of(rows, replica, replicas) for replica in range(replicas)]
    assert np.concatenate(shares).tolist() == rows.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_cluster_reads_what_it_writes() -> None:
    cluster = Cluster(("a:1", "b:2"), 1)
    assert parse_cluster(cluster.as_text()) == cluster
    assert not cluster.chief


def test_local_workers_have_ports_of_their_own_and_one_is_chief() -> None:
    found = local_clusters(3)
    assert len(set(found[0].workers)) == 3
    assert [each.chief for each in found] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "TF_CONFIG is not set"),
        ("{", "not what TensorFlow expects"),
        (json.dumps({"cluster": {}}), "not what TensorFlow expects"),
        (json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}), "worker 1 of 1"),
        (json.dumps({"cluster": {"worker": ["a:1"], "ps": []}, "task": {"type": "ps", "index": 0}}), "other tasks"),
    ],
)
def test_a_bad_tf_config_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_cluster(text)
    assert "\n" not in str(caught.value)


def test_join_says_in_one_line_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    done = CliRunner().invoke(main, ["pipeline", "join", "--root", str(tmp_path)])
    assert done.exit_code == 5
    assert "TF_CONFIG is not set" in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_local_workers_train_pictures_and_say_nothing_of_the_result(tmp_path: Path) -> None:
    trainers = []
    for assignments in (["trainer.local_workers=2"], ["trainer.strategy=multi-worker"], ["trainer.strategy=mirrored"]):
        recipe, chosen = load("machined-surface", assignments)
        driver = Driver(tmp_path)
        try:
            graph = task_of(Order(recipe, chosen, tmp_path, []), driver).graph()
        finally:
            driver.close()
        trainers.append(next(step for step in graph.steps if step.name == "Trainer"))
    assert [step.parameters["settings"]["strategy"] for step in trainers] == [
        "multi-worker",
        "multi-worker",
        "mirrored",
    ]
    assert trainers[0].parameters == trainers[1].parameters, "how many workers there are is no part of the key"
    assert [step.locations["local_workers"] for step in trainers] == [2, 0, 0]
