import gc
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.closure import Imports, code_closure, import_name


@pytest.fixture
def package(tmp_path):
    toy = tmp_path / "toy"
    toy.mkdir()
    (toy / "__init__.py").write_text("")
    (toy / "step.py").write_text(
        "from toy.inner import value\n\ndef run():\n    import numpy\n    from . import lazy\n"
    )
    (toy / "inner.py").write_text("value = 1\n")
    (toy / "lazy.py").write_text("import json\n")
    (toy / "other.py").write_text("value = 2\n")
    return tmp_path


def _closure(home, path=None):
    return code_closure(["toy.step"], Imports(path, home, ("toy",)))


def test_imports_of_functions_and_relative_ones_are_followed(package):
    assert set(_closure(package).files) == {"toy/__init__.py", "toy/step.py", "toy/inner.py", "toy/lazy.py"}


def test_other_packages_are_libraries_with_their_version(package):
    libraries = _closure(package).libraries
    assert set(libraries) == {"numpy"}
    assert libraries["numpy"][0].isdigit()


def test_an_edit_of_an_imported_file_changes_its_digest_and_no_other(package):
    before = _closure(package).files
    (package / "toy" / "inner.py").write_text("value = 3\n")
    after = _closure(package).files
    assert {name for name in before if before[name] != after[name]} == {"toy/inner.py"}


def test_what_is_not_imported_does_not_count(package):
    before = _closure(package)
    (package / "toy" / "other.py").write_text("value = 99\n")
    assert _closure(package) == before


def test_remembered_imports_give_the_same_and_follow_edits(package, tmp_path):
    memory = tmp_path / "imports.json"
    imports = Imports(memory, package, ("toy",))
    first = code_closure(["toy.step"], imports)
    imports.save()
    assert _closure(package, memory) == first
    (package / "toy" / "inner.py").write_text("from toy import other\n")
    assert "toy/other.py" in _closure(package, memory).files


def test_a_damaged_memory_is_made_anew(package, tmp_path):
    memory = tmp_path / "imports.json"
    memory.write_text("{torn")
    assert _closure(package, memory) == _closure(package)


def test_the_trainers_own_closure_holds_the_network_and_the_contracts():
    files = code_closure(["trainer.components.trainer"]).files
    assert {"trainer/vision/network.py", "edge_agent/contracts/preprocess.py"} <= set(files)
    assert "trainer/components/pusher.py" not in files


def _own(package, tmp_path, name="user"):
    """A module of the user's own, which imports one from beside itself and one of the package."""
    folder = tmp_path / name
    (folder / "shapes").mkdir(parents=True)
    (folder / "model.py").write_text(
        "import numpy\nfrom shapes import square\nfrom toy.inner import value\n\ndef build():\n    import aside\n"
    )
    (folder / "shapes" / "__init__.py").write_text("")
    (folder / "shapes" / "square.py").write_text("from . import corner\n")
    (folder / "shapes" / "corner.py").write_text("")
    (folder / "aside.py").write_text("import json\n")
    (folder / "other.py").write_text("")
    return code_closure(["toy.lazy"], Imports(None, package, ("toy",)), [folder / "model.py"])


def test_a_users_own_module_is_followed_beside_itself_and_into_the_packages(package, tmp_path):
    found = _own(package, tmp_path)
    own = {"own:model.py", "own:aside.py", "own:shapes/__init__.py", "own:shapes/square.py", "own:shapes/corner.py"}
    assert set(found.files) == own | {"toy/__init__.py", "toy/lazy.py", "toy/inner.py"}
    assert set(found.libraries) == {"numpy"}


def test_where_the_users_module_lies_does_not_count(package, tmp_path):
    assert _own(package, tmp_path, "here") == _own(package, tmp_path, "there/deeper")


def test_an_edit_beside_the_users_module_is_named(package, tmp_path):
    before = _own(package, tmp_path)
    (tmp_path / "user" / "shapes" / "corner.py").write_text("sides = 4\n")
    after = code_closure(["toy.lazy"], Imports(None, package, ("toy",)), [tmp_path / "user" / "model.py"])
    assert {n for n in before.files if before.files[n] != after.files[n]} == {"own:shapes/corner.py"}


def test_a_file_in_a_package_is_imported_from_above_it(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "mine" / "model.py").write_text("from mine import sizes\nfrom . import shapes\n")
    (tmp_path / "mine" / "sizes.py").write_text("")
    (tmp_path / "mine" / "shapes.py").write_text("")
    assert import_name(tmp_path / "mine" / "model.py") == (tmp_path, "mine.model")
    found = code_closure([], Imports(None, tmp_path / "none", ()), [tmp_path / "mine" / "model.py"])
    assert set(found.files) == {f"own:mine/{name}.py" for name in ("__init__", "model", "sizes", "shapes")}


def test_a_file_in_a_package_is_followed_into_what_lies_beside_it_too(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "mine" / "model.py").write_text("import sizes\n")
    (tmp_path / "mine" / "sizes.py").write_text("")
    found = code_closure([], Imports(None, tmp_path / "none", ()), [tmp_path / "mine" / "model.py"])
    assert set(found.files) == {"own:mine/__init__.py", "own:mine/model.py", "own2:sizes.py"}
    assert set(found.libraries) == set()


@pytest.mark.parametrize(
    ("name", "text", "said"), [("gone", None, "no such Python file"), ("bad", "def", "not Python")]
)
def test_a_users_module_that_cannot_be_read_is_told(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(ConfigError, match=said):
        code_closure([], None, [tmp_path / f"{name}.py"])


def test_steps_planned_beside_each_other_read_their_code_one_at_a_time(tmp_path):
    imports = Imports(None, tmp_path, ())
    sources = [b"import os\n" + b"value = [1, (2, {3: [4]})]\n" * 300 + b"# %d\n" % number for number in range(20)]

    def let_others_run(_phase, _info):
        time.sleep(1e-5)

    gc.callbacks.append(let_others_run)  # a collection in the middle of a syntax tree, as any library may have it
    try:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda data: imports.of(data, str(hash(data)), "toy.step", False), sources))
    finally:
        gc.callbacks.remove(let_others_run)
    assert found == [["os"]] * len(sources)
