import pytest

from trainer.pipeline.closure import Imports, code_closure


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
