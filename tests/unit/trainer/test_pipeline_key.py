from dataclasses import replace

from trainer.pipeline.key import Parts, differences

BASE = Parts(
    function="m:f",
    inputs={"examples": "a" * 64},
    outputs={"model": "Model"},
    parameters={"recipe": {"network": {"epochs": 5}}},
    code={"trainer/x.py": "1"},
    libraries={"numpy": "1.26"},
)


def test_equal_parts_have_equal_keys_whatever_the_order_of_names():
    same = replace(BASE, parameters={"recipe": {"network": {"epochs": 5}}})
    assert same.key == BASE.key


def test_each_part_changes_the_key():
    others = [
        replace(BASE, inputs={"examples": "b" * 64}),
        replace(BASE, parameters={"recipe": {"network": {"epochs": 6}}}),
        replace(BASE, code={"trainer/x.py": "2"}),
        replace(BASE, libraries={"numpy": "2.0"}),
        replace(BASE, function="m:g"),
    ]
    assert len({part.key for part in [BASE, *others]}) == 6


def test_differences_name_file_library_parameter_and_input():
    now = Parts(
        "m:f",
        {"examples": "b" * 64, "warm_start": ""},
        {"model": "Model"},
        {"recipe": {"network": {"epochs": 6}}},
        {"trainer/x.py": "2", "trainer/y.py": "1"},
        {"numpy": "2.0"},
    )
    assert differences(BASE, now) == [
        "file trainer/x.py changed",
        "file trainer/y.py is new",
        "library numpy changed from 1.26 to 2.0",
        "parameter recipe.network.epochs changed from 5 to 6",
        "input examples changed from aaaaaaaaaaaa to bbbbbbbbbbbb",
        "input warm_start is new",
    ]


def test_no_difference_is_no_line():
    assert differences(BASE, BASE) == []
