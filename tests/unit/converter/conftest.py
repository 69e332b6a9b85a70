"""Small inputs of the converter: a recipe, and labelled parts whose defects a tiny network finds."""

from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.recipe import Recipe
from tests.fixtures.make_bundles import HERE, RECIPE, write_parts


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """The recipe of the tiny bundles."""
    return Recipe.model_validate(RECIPE)


@pytest.fixture(scope="session")
def tiny_bundle() -> BundleFolder:
    """The committed bundle; never to be written to."""
    return BundleFolder(HERE / "bundles/tiny-v1")


@pytest.fixture(scope="session")
def few_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled folder of eight parts with two pictures each."""
    folder = tmp_path_factory.mktemp("parts") / "few"
    write_parts(folder, 5, 8)
    return folder
