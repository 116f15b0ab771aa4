"""What the tests of the program share."""

from pathlib import Path

import pytest

from tests.kit.documents.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
