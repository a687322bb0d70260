"""One request to S3 on its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.s3.address import Address
from sampan.dialects.aws.wire.sign import Signed
from sampan.gateway.contract import Exchange
from sampan.gateway.http import Request
from sampan.kernel.names import Place


class S3Exchange(Exchange):
    """`headers` are the request's and those that a presigned URL carries for it. `place` is the region that the caller
    signed for, if its scheme names one. `asked` keeps what `bind` read and `render` must know again."""

    __slots__ = ("address", "asked", "headers", "place")

    def __init__(
        self, request: Request, request_id: str, address: Address, signed: Signed | None, place: Place | None
    ) -> None:
        super().__init__(request, request_id)
        self.address = address
        self.headers: Mapping[str, str] = request.headers
        self.place = place
        self.asked: Any = None
        if signed is not None:
            self.caller = signed.caller
            self.headers = signed.headers

    @property
    def bucket(self) -> str:
        return self.address.bucket

    @property
    def key(self) -> str:
        return self.address.key

    def param(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        return self.request.param(name) if self.request.query else None
