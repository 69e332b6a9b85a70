import cv2
import numpy as np
import pytest

from trainer.data.alike import SIMILARITY, find_alike, joined, thumbnail
from trainer.data.leaks import leaks, same_content, warnings_of
from trainer.samples.generate import sample_part

PARTS = 40


@pytest.fixture(scope="module")
def frames():
    """The first two frames of 40 sample parts, as a model sees them."""
    found = []
    for index in range(PARTS):
        frames = sample_part(5, index, frames=2).frames
        found += [(f"p{index}", cv2.resize(frame, (96, 96))[:, :, None]) for frame in frames]
    return found


def _search(frames):
    return find_alike([thumbnail(image) for _, image in frames], [part for part, _ in frames])


def test_different_parts_that_look_alike_by_nature_are_left_alone(frames):
    assert _search(frames).pairs == ()


def test_a_copy_under_another_name_is_found_however_it_was_stored(frames):
    rng = np.random.default_rng(1)
    copies = [
        ("jpeg", cv2.imdecode(cv2.imencode(".jpg", frames[0][1], [cv2.IMWRITE_JPEG_QUALITY, 75])[1], 0)),
        ("small", cv2.resize(cv2.resize(frames[8][1], (72, 72), interpolation=cv2.INTER_AREA), (96, 96))),
        ("bright", np.clip(frames[20][1][:, :, 0] * 1.08 + 3, 0, 255).astype(np.uint8)),
        ("noise", np.clip(frames[30][1][:, :, 0] + rng.normal(0, 2, (96, 96)), 0, 255).astype(np.uint8)),
    ]
    found = _search([*frames, *((name, image[:, :, None]) for name, image in copies)])
    pairs = {(first, second): value for first, second, value in found.pairs}
    assert {(0, 80), (8, 81), (20, 82), (30, 83)} <= set(pairs)
    assert all(value >= SIMILARITY for value in pairs.values())


def test_one_fixture_in_all_pictures_makes_no_two_of_them_the_same():
    rng = np.random.default_rng(2)
    fixture = rng.integers(0, 255, (8, 8), np.uint8)
    board = cv2.resize(fixture, (96, 96), interpolation=cv2.INTER_NEAREST).astype(float)
    pictures = [np.clip(board + rng.normal(0, 6, (96, 96)), 0, 255).astype(np.uint8)[:, :, None] for _ in range(60)]
    assert find_alike([thumbnail(one) for one in pictures], [str(n) for n in range(60)]).pairs == ()


def test_flat_pictures_say_nothing():
    black = np.zeros((32, 32), np.uint8)
    assert find_alike([black] * 40, [str(n) for n in range(40)]).pairs == ()


def test_too_many_that_look_alike_are_given_up():
    rng = np.random.default_rng(3)
    both = rng.integers(0, 255, (2, 32, 32), np.uint8)
    found = find_alike([both[n % 2] for n in range(1500)], [str(n) for n in range(1500)])
    assert found.too_many


def _row(image, part, label, sha256="", folder=0):
    return {"folder": folder, "image": image, "part": part, "label": label, "sha256": sha256}


def test_one_content_with_two_labels_is_doubtful_and_a_later_folders_label_is_not():
    rows = [_row("a", "p", "ok", "x"), _row("b", "p", "pit", "x"), _row("c", "q", "ok", "y"), _row("d", "q", "ok", "y")]
    same = same_content([*rows, _row("c", "q", "pit", "z"), _row("c", "q", "ok", "z", folder=1)])
    assert {one["sha256"]: one["differs"] for one in same} == {"x": ["label"], "y": [], "z": []}
    (line,) = warnings_of(leaks(same, [], [], SIMILARITY, False))
    assert line == "1 pictures stand in the table twice with another label (a (p, ok) = b (p, pit)); remove one row"


def test_pairs_across_splits_come_first_and_are_counted():
    pictures = [
        {**_row("a", "p", "ok"), "split": "train"},
        {**_row("b", "q", "ok"), "split": "train"},
        {**_row("c", "r", "ok"), "split": "test"},
    ]
    found = leaks([], pictures, [(0, 1, 0.99), (1, 2, 0.95)], SIMILARITY, False)
    assert [one["differs"] for one in found["near"]] == [["split", "part"], ["part"]]
    assert found["counts"] == {"same": 0, "near": 2, "split": 1, "label": 0, "part": 2}
    assert "2 pairs of pictures look the same and are of different parts, 1 in two splits" in warnings_of(found)[0]


def test_pairs_are_joined_into_groups_called_after_their_first_member():
    assert joined([]) == {}
    found = joined([("d", "c"), ("b", "a"), ("x", "y"), ("c", "b"), ("a", "d")])
    assert found == {**dict.fromkeys("abcd", "a"), **dict.fromkeys("xy", "x")}
