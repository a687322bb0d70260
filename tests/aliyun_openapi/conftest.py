from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aliyun_openapi.door import Door, opened


@pytest.fixture
def door() -> Iterator[Door]:
    with opened() as door:
        yield door
