"""The cause gate: light, focus, or the parts themselves."""

import pytest

from fleet.monitoring.causes import Cause, diagnose
from fleet.monitoring.detectors import Reading

TRAINING = {"brightness": 120.0, "contrast": 30.0, "sharpness": 12.0, "dark_share": 0.01, "bright_share": 0.01}


def readings(**shifts):
    """Readings of all features; `name=(mean, shift)` for those that moved."""
    names = (*TRAINING, "score", "confidence", "emb_00", "emb_01")
    out = {}
    for name in names:
        mean, shift = shifts.get(name, (TRAINING.get(name, 0.5), 0.1))
        out[name] = Reading(name, 200, max(abs(shift), 0.2), shift, mean, TRAINING.get(name, 0.5))
    return out


@pytest.mark.parametrize(
    ("moved", "cause"),
    [
        ({"brightness": (72.0, -4.0), "contrast": (18.0, -3.0), "sharpness": (7.2, -2.5)}, Cause.LIGHTING),
        ({"brightness": (102.0, -1.6), "score": (0.4, 1.2)}, Cause.LIGHTING),
        ({"contrast": (18.0, -3.0), "sharpness": (7.2, -3.0)}, Cause.LIGHTING),
        ({"brightness": (150.0, 2.5), "bright_share": (0.2, 3.0), "emb_00": (0.9, 4.0)}, Cause.LIGHTING),
        ({"sharpness": (5.0, -4.0), "contrast": (28.0, -0.5), "score": (0.6, 1.0)}, Cause.BLUR),
        ({"sharpness": (9.0, -1.0)}, Cause.BLUR),
        ({"score": (0.7, 2.0), "emb_01": (0.9, 3.0)}, Cause.DATA),
        ({"sharpness": (12.5, 0.5), "emb_01": (0.9, 9.0)}, Cause.DATA),
        ({"brightness": (110.0, -0.9), "emb_00": (0.9, 9.0)}, Cause.DATA),
    ],
)
def test_cause_follows_from_what_moved(moved, cause):
    diagnosis = diagnose(readings(**moved), frozenset(moved))
    assert diagnosis.cause is cause
    assert diagnosis.text


def test_text_names_direction_and_size():
    text = diagnose(readings(brightness=(72.0, -4.0)), frozenset({"brightness"})).text
    assert "darker" in text
    assert "-40 %" in text


def test_camera_causes_need_a_person_and_data_does_not():
    assert [cause for cause in Cause if cause.needs_person] == [Cause.LIGHTING, Cause.BLUR]
