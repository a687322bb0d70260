"""RAM: users, groups, roles, policies and keys, as one product of the OpenAPI gateway."""

from __future__ import annotations

from sampan.dialects.aliyun.ram import account, keys, policies, roles, settings, users
from sampan.dialects.aliyun.wire.openapi import OpenApiDialect, Product
from sampan.dialects.aliyun.wire.openapi_signature import Nonces
from sampan.dialects.aliyun.wire.ram_words import WORDS


class RamDialect(OpenApiDialect):
    """The dialect. RAM has no regions: `region` is only what a request that names none is taken to name."""

    def __init__(self, region: str, nonces: Nonces) -> None:
        rows = (*users.ROWS, *roles.ROWS, *policies.rows(), *keys.ROWS, *settings.ROWS, *account.ROWS)
        super().__init__(Product("ram", "2015-05-01", r"ram\.aliyuncs\.com", rows, WORDS), region, nonces)
