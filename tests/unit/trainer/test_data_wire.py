import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.wire import without_features
from trainer.tabular.examples import encoded
from trainer.tabular.values import Typed


def _record(**texts):
    import numpy as np

    columns = {name: np.asarray([text], object) for name, text in texts.items()}
    return next(iter(encoded(Typed({}, columns, {}, []))))


NAMES = st.sampled_from(["image", "mask", "a", "b", "longer name"])


@given(st.dictionaries(NAMES, st.text(min_size=1, max_size=300), min_size=1))
def test_what_is_left_is_the_record_without_the_named_features(texts):
    left = {name: text for name, text in texts.items() if name not in ("image", "mask")}
    assert without_features(_record(**texts), frozenset((b"image", b"mask"))) == (_record(**left) if left else b"\n\0")


def test_bytes_that_are_no_record_are_refused():
    with pytest.raises(ValueError, match="cut off"):
        without_features(_record(a="x" * 50)[:-3], frozenset())
    with pytest.raises(ValueError, match="wire type 0"):
        without_features(b"\x08\x01", frozenset())
