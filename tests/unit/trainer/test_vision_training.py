"""Data, invented defects, training, resume and export of the vision model, on small pictures and few epochs."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.preprocess import model_input
from edge_agent.contracts.recipe import Recipe
from trainer.evaluation.rates import auroc
from trainer.samples.generate import LABELS, generate_samples, sample_part
from trainer.vision.data import join, load_folder, mask_input, read_records, write_records
from trainer.vision.evaluate import heatmap_hit_rate
from trainer.vision.flaws import _KINDS
from trainer.vision.invent import UNKNOWN_DEFECT, Donors, _drawn, invented_batch
from trainer.vision.loss import cell_weights, class_weights
from trainer.vision.schedule import rate_at


def recipe_of(size=48, epochs=2, **network):
    settings = {"height": size, "width": size, "backbone": "tiny", "epochs": epochs, "batch": 8, "embedding": 8}
    labels = {"good": LABELS[0], "defects": list(LABELS[1:])}
    return Recipe.model_validate({"name": "test", "labels": labels, "network": {**settings, **network}})


def pictures_of(recipe, first=0, parts=10, brightness=1.0):
    rows = []
    for index in range(first, first + parts):
        part = sample_part(1, index, brightness, frames=2)
        for frame, mask in zip(part.frames, part.masks, strict=True):
            known = mask if part.label != "ok" else None
            rows.append((model_input(frame[:, :, None], recipe), part.label, f"p{index}", known))
    return join(rows, recipe)


@pytest.fixture(scope="module")
def small():
    recipe = recipe_of()
    return recipe, pictures_of(recipe)


def test_a_folder_of_samples_is_read_with_labels_masks_and_parts(tmp_path):
    generate_samples(tmp_path / "parts", parts=10, seed=1, frames=2)
    recipe = recipe_of()
    pictures = load_folder(tmp_path / "parts", recipe)
    assert pictures.images.shape == (20, 48, 48, 1)
    assert len(set(pictures.parts)) == 10
    assert pictures.masked.all()
    assert ((pictures.masks.sum(axis=(1, 2)) > 0) == (pictures.labels > 0)).all()
    assert len(pictures.of_parts(["s1-00003"])) == 2


def test_a_label_that_the_recipe_does_not_know_is_refused(small):
    recipe, pictures = small
    with pytest.raises(Rejected, match="'rust' is not in the recipe"):
        join([(pictures.images[0], "rust", "p", None)], recipe)


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(Rejected, match=r"labels\.csv"):
        load_folder(tmp_path, recipe_of())


def test_a_defect_smaller_than_a_pixel_of_the_input_stays_in_the_mask():
    mask = np.zeros((480, 480), np.uint8)
    mask[100:104, 200:204] = 255
    assert mask_input(mask, recipe_of()).sum() == 1
    assert mask_input(None, recipe_of()).sum() == 0


def test_records_give_back_what_was_written(tmp_path, small):
    recipe, pictures = small
    write_records(pictures, tmp_path / "a.tfrecord")
    found = read_records([tmp_path / "a.tfrecord"], recipe, channels=1)
    assert (found.images == pictures.images).all()
    assert (found.masks == pictures.masks).all()
    assert found.parts == pictures.parts
    assert (found.labels == pictures.labels).all()
    with pytest.raises(Rejected, match="as the recipe says"):
        read_records([tmp_path / "a.tfrecord"], recipe_of(size=64), channels=1)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_drawn_defect_changes_the_picture_where_its_mask_is(small, kind, monkeypatch):
    _, pictures = small
    good = pictures.images[pictures.labels == 0][0].astype(np.float32)
    monkeypatch.setattr("trainer.vision.invent.flaw", kind)
    changed_inside, changed_far = [], []
    for seed in range(12):
        picture, mask = _drawn(good, np.random.default_rng(seed))
        assert picture.shape == good.shape
        change = np.abs(picture - good)[:, :, 0]
        if mask.sum() >= 4:
            changed_inside.append(change[mask > 0].mean())
            near = np.zeros_like(mask, bool)
            rows, columns = np.nonzero(mask)
            near[max(rows.min() - 9, 0) : rows.max() + 10, max(columns.min() - 9, 0) : columns.max() + 10] = True
            changed_far.append(change[~near].max(initial=0))
    assert np.median(changed_inside) > 5
    assert max(changed_far) < 1


def test_a_batch_leaves_defective_pictures_and_the_source_alone(small):
    _, pictures = small
    before = pictures.images.copy()
    chosen = np.arange(len(pictures))
    batch = invented_batch(pictures, chosen, Donors.of(pictures), np.random.default_rng(3))
    same = invented_batch(pictures, chosen, Donors.of(pictures), np.random.default_rng(3))
    assert all((batch[name] == same[name]).all() for name in batch)
    assert (pictures.images == before).all()
    defective = pictures.labels > 0
    assert (batch["images"][defective] == before[defective]).all()
    assert (batch["labels"] == UNKNOWN_DEFECT).any()
    assert ((batch["labels"] == 0) == (batch["masks"].sum(axis=(1, 2)) == 0)).all()


def test_rare_classes_weigh_more_and_the_mean_weight_is_one():
    labels = np.asarray([0] * 90 + [1] * 10)
    weights = class_weights(labels, 3)
    assert weights[1] == pytest.approx(3 * weights[0], rel=1e-5)
    assert weights[labels].mean() == pytest.approx(1, rel=1e-5)


def test_the_rim_of_a_defect_counts_and_the_inside_of_a_large_one_hardly():
    target = np.zeros((3, 32, 32), np.float32)
    target[0, 4:7, 4:7] = 1
    target[1, 12:, :] = 1
    small, large, none = cell_weights(target).numpy()
    assert (none == 1).all()
    assert set(small[4:7, 4:7].ravel()) == {np.float32(60 / 9)}
    assert (small[target[0] == 0] == 1).all()
    assert (large[12:14] == 3).all()
    assert (large[14:] == 0.5).all(), "the inside, up to the picture's border"
    assert large[10:12].max() == pytest.approx(0.2)
    assert (large[:10] == 1).all()


def test_the_mask_of_a_padded_picture_is_mirrored_as_the_picture_is():
    recipe = recipe_of(fit="pad")
    mask = np.zeros((30, 40), np.uint8)
    mask[28:, 36:39] = 255
    seen = mask_input(mask, recipe)
    picture = model_input(mask[:, :, None], recipe)[:, :, 0]
    assert seen.shape == (48, 48)
    assert np.array_equal(seen, picture // 255)
    assert seen[:30, :40].sum() == 6
    assert seen.sum() == 3 * 6


def test_the_rate_rises_then_falls():
    rates = [rate_at(step, 100, 0.01) for step in range(100)]
    assert rates[0] < rates[4] < max(rates) == pytest.approx(0.01)
    assert rates[-1] < 2e-4


def test_the_network_gives_scores_heatmap_and_embedding_for_any_size():
    from trainer.vision.network import build, map_size

    recipe = recipe_of(size=50, embedding=12)
    network = build(recipe)
    outputs = network.serving(np.zeros((2, 50, 50, 1), np.float32))
    assert outputs["logits"].shape == (2, 5)
    assert tuple(outputs["heatmap"].shape) == (2, *map_size(recipe)) == (2, 7, 7)
    assert outputs["embedding"].shape == (2, 12)
    with pytest.raises(ConfigError, match="backbone"):
        build(recipe_of(backbone="huge"))


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.6])
def test_the_lamp_does_not_change_what_the_network_says(gain):
    import keras

    from trainer.vision.network import build

    keras.utils.set_random_seed(0)
    network = build(recipe_of())
    picture = np.random.default_rng(0).uniform(60, 140, (1, 48, 48, 1)).astype(np.float32)
    normal, other = (np.asarray(network.serving(p)["embedding"]) for p in (picture, picture * gain))
    assert np.abs(other - normal).max() < 0.06 * np.abs(normal).max()


def test_training_without_defective_pictures_is_refused(small, tmp_path):
    from trainer.vision.training import train

    recipe, pictures = small
    with pytest.raises(Rejected, match="0 of them defective"):
        train(pictures.subset(pictures.labels == 0), None, recipe, 1, tmp_path)


@pytest.mark.fault("T19")
def test_a_loss_that_is_no_number_ends_the_training_with_its_step(small, tmp_path):
    from trainer.vision.training import train

    recipe, pictures = small
    wild = recipe.model_copy(update={"network": recipe.network.model_copy(update={"learning_rate": 1e30})})
    with pytest.raises(Rejected, match=r"epoch \d+, step \d+: the loss is"):
        train(pictures, None, wild, 1, tmp_path)


@pytest.mark.slow
def test_a_small_training_learns_exports_and_warm_starts(tmp_path):
    import tensorflow as tf

    from trainer.vision.export import WEIGHTS, export
    from trainer.vision.predict import predict
    from trainer.vision.training import train

    recipe = recipe_of(size=64, epochs=10, backbone="tiny", learning_rate=0.006)
    pictures, held_out = pictures_of(recipe, 0, 60), pictures_of(recipe, 60, 30)
    result = train(pictures, held_out, recipe, 1, tmp_path / "checkpoint")
    found = predict(result.network, held_out.images)
    defective = held_out.labels > 0
    assert auroc(found.heatmaps.max(axis=(1, 2)).astype(float), defective) > 0.8
    assert heatmap_hit_rate(found.heatmaps, held_out.masks, defective) > 0.5
    saved = tf.saved_model.load(str(export(result.network, recipe, tmp_path / "model"))).signatures["serving_default"]
    single = saved(image=tf.constant(held_out.images[:1].astype(np.float32)))
    assert single["logits"].numpy() == pytest.approx(found.logits[:1], abs=1e-3)
    assert single["heatmap"].shape == (1, 8, 8)
    assert single["embedding"].shape == (1, 8)
    short = recipe.model_copy(update={"network": recipe.network.model_copy(update={"epochs": 1})})
    again = train(pictures, held_out, short, 1, tmp_path / "second", warm_start=tmp_path / "model" / WEIGHTS)
    assert again.epochs[0].loss < result.epochs[0].loss
    with pytest.raises(Rejected, match="no such weights file"):
        train(
            pictures_of(recipe_of(), 0, 10),
            None,
            recipe_of(embedding=9),
            1,
            tmp_path / "x",
            warm_start=tmp_path / "none.h5",
        )


_SCRIPT = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from test_vision_training import pictures_of, recipe_of
from trainer.vision.training import train
recipe = recipe_of(epochs=int(sys.argv[3]))
train(pictures_of(recipe), pictures_of(recipe, 20), recipe, 1, pathlib.Path(sys.argv[2]),
      lambda epoch: print("epoch", epoch.number, flush=True))
"""


@pytest.mark.slow
@pytest.mark.fault("T14")
def test_a_killed_training_goes_on_after_its_last_finished_epoch(tmp_path):
    from trainer.vision.training import train

    here = os.path.dirname(__file__)
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, here, str(tmp_path), "40"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    line = ""
    while not line.startswith("epoch 3"):
        line = process.stdout.readline()
        assert line, "the training ended before its third epoch"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    recipe = recipe_of(epochs=40)
    seen = []

    class Enough(Exception):
        pass

    def stop(epoch):
        seen.append(epoch.number)
        raise Enough

    with pytest.raises(Enough):
        train(pictures_of(recipe), pictures_of(recipe, 20), recipe, 1, tmp_path, stop)
    assert 4 <= seen[0] <= 6


def test_a_resumed_training_ends_where_an_unbroken_one_ends(small, tmp_path):
    from trainer.vision.training import train

    recipe, pictures = small

    class Broken(Exception):
        pass

    def break_off(epoch):
        raise Broken

    whole = train(pictures, None, recipe, 1, tmp_path / "whole")
    with pytest.raises(Broken):
        train(pictures, None, recipe, 1, tmp_path / "broken", break_off)
    resumed = train(pictures, None, recipe, 1, tmp_path / "broken")
    assert (whole.resumed_from, resumed.resumed_from) == (0, 1)
    assert resumed.epochs[-1].loss == pytest.approx(whole.epochs[-1].loss, rel=2e-2)
    again = train(pictures, None, recipe, 1, tmp_path / "whole")
    assert (again.epochs, again.resumed_from) == ((), recipe.network.epochs)


def test_the_checkpoint_of_another_training_is_not_continued(tmp_path):
    from trainer.checkpoint import NAME
    from trainer.vision import checkpoint

    state = checkpoint.State(3, "this", 2, 0.5, [np.ones(2)], [np.zeros(1)], [np.ones(2)], [np.ones(2)])
    checkpoint.save(tmp_path, state)
    assert checkpoint.load(tmp_path, "that") is None
    found = checkpoint.load(tmp_path, "this")
    assert (found.epoch, found.best_epoch, found.best_score) == (3, 2, 0.5)
    assert (found.weights[0] == 1).all()
    (tmp_path / NAME).write_bytes(b"PK cut off")
    assert checkpoint.load(tmp_path, "this") is None
