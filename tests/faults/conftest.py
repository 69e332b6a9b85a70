"""What the fault cases of the model update begin with: a device on which a champion serves."""

from __future__ import annotations

import pytest

from tests.simulators.update_cases import with_champion


@pytest.fixture
def champion(registry, tmp_path):
    """Release 1, which is committed on the device below `tmp_path`, and release 2, which is published."""
    return with_champion(registry, tmp_path)
