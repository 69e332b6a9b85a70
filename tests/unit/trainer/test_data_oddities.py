"""What pictures and masks show that a person should know of: the rules, and what a file's header says of colours."""

import io

import numpy as np
import pytest
from PIL import Image

from edge_agent.contracts.errors import Rejected
from trainer.data.oddities import Oddities, check_mask
from trainer.data.picture_traits import is_coloured


@pytest.mark.parametrize(
    ("brightest", "mask", "words"),
    [
        (255, (30, 90), "90 x 30 pixels, of another shape than the picture's 320 x 240; draw it on the picture"),
        (1, (240, 320), "its brightest value is 1, and above 127 marks a defect"),
        (127, (120, 160), "its brightest value is 127"),
    ],
)
def test_a_mask_that_says_nothing_is_refused(brightest, mask, words):
    with pytest.raises(Rejected, match=words):
        check_mask(brightest, mask, (240, 320))


def test_a_smaller_mask_of_the_same_shape_and_an_empty_one_are_usable():
    check_mask(255, (60, 80), (240, 320))
    check_mask(0, (241, 320), (240, 320))


def _row(part, label):
    return {"part": part, "label": label}


def test_oddities_are_said_where_there_are_any():
    usual = Oddities("ok")
    for part, label, marked in (("a", "ok", False), ("b", "pit", True), ("b", "ok", False)):
        usual.note(_row(part, label), (240, 320), False, marked)
    assert usual.said() == []
    odd = Oddities("ok")
    odd.note(_row("a", "ok"), (240, 320), False, True)
    odd.note(_row("b", "pit"), (240, 320), True, False)
    odd.note(_row("b", "dent"), (480, 640), False, True)
    assert odd.said() == [
        "pictures come in 2 sizes (2 of 320 x 240, 1 of 640 x 480); made one size, their defects differ in scale, "
        "which network.fit: pad avoids",
        "1 pictures are in colour and 2 are grey; take one kind of camera, or make all of them grey",
        "1 of 2 defective pictures have no mask or an empty one; the place of their defect is learned from the label "
        "alone",
        "1 good pictures have a mask that marks something; correct one of both",
        "1 parts have pictures with several kinds of defect (b); the first counts for the part",
    ]


def test_sizes_are_not_odd_where_pictures_keep_theirs():
    odd = Oddities("ok", stretched=False)
    odd.note(_row("a", "ok"), (240, 320), False, False)
    odd.note(_row("b", "ok"), (480, 640), False, False)
    assert odd.said() == []


@pytest.mark.parametrize(
    ("mode", "form", "coloured"),
    [
        ("L", "PNG", False),
        ("LA", "PNG", False),
        ("RGB", "PNG", True),
        ("RGBA", "PNG", True),
        ("P", "PNG", True),
        ("L", "JPEG", False),
        ("RGB", "JPEG", True),
        ("CMYK", "JPEG", True),
        ("L", "BMP", False),
        ("RGB", "BMP", True),
        ("L", "TIFF", False),
        ("RGB", "TIFF", True),
    ],
)
def test_the_header_says_whether_a_picture_is_in_colour(mode, form, coloured):
    pixels = np.random.default_rng(1).integers(0, 255, (20, 20, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, form)
    assert is_coloured(out.getvalue()) is coloured
