"""The user's own file: what is found in it, and how its mistakes are told."""

import sys

import pytest

from edge_agent.contracts.errors import Rejected
from trainer.own_code import BUILD_MODEL, METRICS, PREPROCESSING, OwnCode


def own(folder, text):
    path = folder / "own.py"
    path.write_text(text)
    return OwnCode(str(path))


def test_functions_are_found_called_and_each_is_optional(tmp_path):
    (tmp_path / "beside.py").write_text("FACTOR = 3\n")
    code = own(
        tmp_path, "import beside\n\ndef preprocessing_fn(inputs):\n    return {'x': inputs['a'] * beside.FACTOR}\n"
    )
    assert code.function(PREPROCESSING, 1)({"a": 2}) == {"x": 6}
    assert code.function(BUILD_MODEL, 2) is None
    assert OwnCode("").function(METRICS, 0) is None


def test_what_lies_near_is_imported_inside_of_functions_too_and_as_a_package(tmp_path):
    plant = tmp_path / "plant"
    plant.mkdir()
    (plant / "__init__.py").write_text("")
    (plant / "sizes.py").write_text("WIDTH = 8\n")
    (plant / "counts.py").write_text("ROWS = 2\n")
    relative = "from . import sizes\n\ndef metrics():\n    from plant.sizes import WIDTH\n"
    before = list(sys.path)
    code = own(plant, f"{relative}    import counts\n    return [sizes.WIDTH, WIDTH, counts.ROWS]\n")
    assert code.function(METRICS, 0)() == [8, 8, 2]
    assert sys.path == before


def test_a_dataclass_whose_annotations_are_texts_can_be_in_it(tmp_path):
    imports = "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
    text = f"{imports}@dataclass\nclass Sizes:\n    a: int\n\n"
    assert own(tmp_path, f"{text}def metrics():\n    return [Sizes(3).a]\n").function(METRICS, 0)() == [3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "none of the functions preprocessing_fn, build_model, metrics is in it"),
        ("import nothing_of_that_name\n", r"own\.py:1: import: ModuleNotFoundError"),
        ("def preprocessing_fn(inputs)\n    pass\n", r"own\.py:1: import: SyntaxError"),
        ("y = 2\nz = y / 0\n", r"own\.py:2: import: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('set PLANT')\n", r"own\.py:2: import: SystemExit: set PLANT"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_one_line_with_its_place(tmp_path, text, words):
    with pytest.raises(Rejected, match=words) as told:
        own(tmp_path, text)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_names_the_setting(tmp_path):
    with pytest.raises(Rejected, match=r"there is no such file; correct pipeline\.module"):
        OwnCode(str(tmp_path / "none.py"))


def test_a_wrong_signature_says_what_is_given(tmp_path):
    code = own(tmp_path, "def preprocessing_fn():\n    return {}\n\nbuild_model = 3\n\ndef metrics():\n    return []\n")
    with pytest.raises(Rejected, match=r"preprocessing_fn\(\): too many positional arguments; it is given 1"):
        code.function(PREPROCESSING, 1)
    with pytest.raises(Rejected, match="'build_model' is int, expected a function"):
        code.function(BUILD_MODEL, 2)


def test_an_error_names_the_line_and_keeps_the_user_s_own_words(tmp_path):
    helper = "def helper(x):\n    raise ValueError(f'no column {x}')\n\n"
    text = helper + "def preprocessing_fn(inputs):\n    return helper('b')\n"
    function = own(tmp_path, text).function(PREPROCESSING, 1)
    with pytest.raises(Rejected, match=r"own\.py:2: preprocessing_fn: ValueError: no column b$"):
        function({})
