"""A row's cells as the model's numbers, and the contract that a bundle carries for them."""

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.bundle import manifest_bytes, parse_manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowColumn, RowContract, row_input
from edge_agent.rows.table import read_lines
from tests.simulators.bundles import make_bundle

CONTRACT = RowContract(
    shape=(1, 2),
    columns=(
        RowColumn(name="force", kind="number"),
        RowColumn(name="material", kind="text", values=("steel", "brass")),
    ),
)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"force": 1.5, "material": "steel"}, [1.5, 0]),
        ({"force": " 1e3 ", "material": " brass "}, [1000, 1]),
        ({"force": 2, "material": "gold", "more": "x"}, [2, 2]),
        ({"force": None, "material": None}, [np.nan, 3]),
        ({"force": "", "material": ""}, [np.nan, 3]),
        ({"force": "NaN", "material": "NA"}, [np.nan, 3]),
    ],
)
def test_cells_become_numbers(row, expected):
    np.testing.assert_array_equal(row_input(row, CONTRACT), np.asarray(expected, np.float32))


@pytest.mark.parametrize("cell", ["abc", "12,5", "inf", "1e400", 1e39, float("inf"), True, [1]])
def test_what_is_no_number_is_refused_with_the_column(cell):
    with pytest.raises(Rejected, match=r"column 'force' is .* expected a number that is finite"):
        row_input({"force": cell, "material": "steel"}, CONTRACT)


def test_a_missing_column_is_refused():
    with pytest.raises(Rejected, match="column 'material' is missing; the model takes force, material"):
        row_input({"force": 1}, CONTRACT)


def test_a_contract_that_contradicts_itself_is_refused():
    with pytest.raises(ValidationError, match="does not fit 1 different columns"):
        RowContract(shape=(1, 2), columns=(CONTRACT.columns[0], CONTRACT.columns[0]))


def test_a_manifest_carries_the_contract_and_a_station_refuses_it(tmp_path):
    pictures = make_bundle(tmp_path).open()
    again = parse_manifest(manifest_bytes(pictures.model_copy(update={"input": CONTRACT})))
    assert again.input == CONTRACT
    assert pictures.picture_input == pictures.input
    with pytest.raises(Rejected, match="takes rows of a table, a station's camera gives pictures"):
        _ = again.picture_input


def test_lines_of_a_file_go_on_after_a_torn_one(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\xef\xbb\xbfforce,material\n1,"two\nlines"\n2\n\n3,steel\n')
    found = list(read_lines(path))
    assert [(line.line, line.problem) for line in found] == [(2, ""), (4, "1 fields, expected 2"), (6, "")]
    assert found[2].row == {"force": "3", "material": "steel"}
