from pathlib import Path

import pytest

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe, load_recipe
from edge_agent.contracts.verdict import Automation

GOOD = "name: tile\nlabels:\n  good: ok\n  defects: [crack, fray]\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "inspection.yaml"
    path.write_text(text)
    return path


def test_the_smallest_recipe_has_defaults_for_the_rest(tmp_path: Path):
    recipe = load_recipe(written(tmp_path, GOOD))
    assert recipe.labels.names == ("ok", "crack", "fray")
    assert recipe.automation is Automation.PARTIAL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "automatoin: full\n", "unknown key 'automatoin'; did you mean 'automation'"),
        (GOOD + "camera:\n  crp: {}\n", "unknown key 'camera.crp'; did you mean 'crop'"),
        (GOOD + "deadline_ms: -1\n", "'deadline_ms' is -1"),
        ("name: tile\n", "key 'labels' is missing"),
        ("name: tile\nlabels:\n  good: ok\n  defects: [ok]\n", "a label is named twice"),
        ("- a\n- b\n", "found list, expected a mapping"),
        ("name: [\n", "not valid YAML at line"),
        (GOOD + "camera:\n  crop: {left: 0.9, right: 0.1}\n", "the crop is empty"),
        (GOOD + "identity: {pattern: '['}\n", "the pattern is no regular expression"),
        (GOOD + "identity: {formats: [data-matrx]}\n", "'identity.formats.0' is 'data-matrx'"),
        (GOOD + "identity: {source: none, missing: reject}\n", "with source none no part has a serial"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(tmp_path: Path, text: str, message: str):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_says_nothing_of_identity_is_written_as_ever(tmp_path: Path):
    recipe = load_recipe(written(tmp_path, GOOD))
    assert "identity" not in recipe.model_dump(mode="json"), "its digest would change, and older agents refuse the key"
    assert load_recipe(written(tmp_path, GOOD + "identity: {missing: ignore}\n")) == recipe


def test_what_a_recipe_says_of_identity_is_written_and_read_again(tmp_path: Path):
    text = GOOD + "identity: {source: code, formats: [qr-code], missing: reject, duplicate: review}\n"
    recipe = load_recipe(written(tmp_path, text))
    assert recipe.model_dump(mode="json")["identity"]["missing"] == "reject"
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_a_missing_file_says_so(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_recipes_that_ship_are_valid():
    shipped = sorted((Path(__file__).parents[2] / "trainer" / "recipes").glob("*.yaml"))
    assert {path.stem for path in shipped} >= {"magnetic-tile", "machined-surface"}
    for path in shipped:
        assert isinstance(load_recipe(path), Recipe)
