import csv
import shutil

import cv2
import numpy as np
import pytest

from converter.pictures import list_items, read_picture, set_digest, write_inputs
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.preprocess import model_input


def rewritten(folder, target, change):
    shutil.copytree(folder, target)
    rows = change(list(csv.DictReader((target / "labels.csv").read_text().splitlines())))
    with (target / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return target


def test_labelled_folder_gives_parts_and_labels_in_its_order(few_parts):
    items = list_items(few_parts)
    assert len(items) == 16
    assert [item.part for item in items[:3]] == ["p5-000", "p5-000", "p5-001"]
    assert items[0].label == "ok"


def test_inputs_are_what_the_station_would_feed_the_graph(few_parts, tiny_recipe, tmp_path):
    items = list_items(few_parts)
    seen = []
    array = write_inputs(items, tiny_recipe, tmp_path / "x.npy", lambda done, total: seen.append((done, total)))
    assert array.shape == (16, 48, 48, 1)
    assert array.dtype == np.uint8
    assert np.array_equal(array[3], model_input(read_picture(items[3], tiny_recipe), tiny_recipe))
    assert seen[-1] == (16, 16)


def test_a_csv_file_may_name_a_subset(few_parts, tmp_path):
    table = few_parts / "subset.csv"
    table.write_text("\n".join((few_parts / "labels.csv").read_text().splitlines()[:5]) + "\n")
    assert len(list_items(table)) == 4
    table.unlink()


def test_digest_of_a_set_ignores_order_and_place(few_parts, tmp_path):
    moved = rewritten(few_parts, tmp_path / "moved", lambda rows: rows[::-1])
    assert set_digest(list_items(few_parts)) == set_digest(list_items(moved))
    fewer = rewritten(few_parts, tmp_path / "fewer", lambda rows: rows[1:])
    assert set_digest(list_items(few_parts)) != set_digest(list_items(fewer))


def test_folder_without_labels_is_taken_by_name(few_parts):
    items = list_items(few_parts / "images")
    assert len(items) == 16
    assert {item.label for item in items} == {None}


def test_missing_folder_column_and_picture_are_said(few_parts, tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        list_items(tmp_path / "nowhere")
    no_label = rewritten(few_parts, tmp_path / "a", lambda rows: [{"image": row["image"]} for row in rows])
    with pytest.raises(ConfigError, match="column 'label' is missing"):
        list_items(no_label)
    lost = rewritten(few_parts, tmp_path / "b", lambda rows: [{**rows[0], "image": "gone.png"}, *rows[1:]])
    with pytest.raises(ConfigError, match=r"labels.csv:2: picture 'gone.png' does not exist"):
        list_items(lost)


def test_a_line_with_another_number_of_columns_is_said(tmp_path):
    (tmp_path / "labels.csv").write_text("image,label\na.png\n")
    with pytest.raises(ConfigError, match=r"labels.csv:2: another number of columns"):
        list_items(tmp_path)


def test_a_corrupt_picture_is_named(few_parts, tiny_recipe, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(few_parts, folder)
    first = list_items(folder)[0].path
    first.write_bytes(first.read_bytes()[:40])
    with pytest.raises(Rejected, match=first.name):
        write_inputs(list_items(folder), tiny_recipe, tmp_path / "x.npy")


def test_tensors_keep_their_values(tiny_recipe, tmp_path):
    np.save(tmp_path / "a.npy", np.full((48, 48, 1), 0.5, np.float32))
    array = write_inputs(list_items(tmp_path), tiny_recipe, tmp_path / "out.bin")
    assert array.dtype == np.float32
    assert float(array.max()) == 0.5
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    with pytest.raises(Rejected, match=r"shape \(2, 2\)"):
        write_inputs(list_items(tmp_path), tiny_recipe, tmp_path / "out.bin")


def test_no_pictures_give_an_empty_array(tiny_recipe, tmp_path):
    assert write_inputs([], tiny_recipe, tmp_path / "x.npy").shape == (0, 48, 48, 1)


def test_colour_pictures_come_as_rgb(tiny_recipe, tmp_path):
    blue = np.zeros((60, 60, 3), np.uint8)
    blue[:, :, 0] = 200
    cv2.imwrite(str(tmp_path / "blue.png"), blue)
    camera = tiny_recipe.camera.model_copy(update={"colour": type(tiny_recipe.camera.colour)("rgb")})
    recipe = tiny_recipe.model_copy(update={"camera": camera})
    array = write_inputs(list_items(tmp_path), recipe, tmp_path / "x.bin")
    assert array[0, 0, 0].tolist() == [0, 0, 200]
