"""Choosing the dialect of a request, by claims alone: data that each dialect states, read once and sorted by rank.

Only the method, target and headers are looked at, never the body: a body may be terabytes, and reading it would take
it away from the dialect that has to verify it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sampan.gateway.contract import Claim, Dialect
from sampan.gateway.http import Request

# A query that carries one of these is signed, or wants to be.
SIGNATURE_PARAMETERS = frozenset(
    {
        "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "AWSAccessKeyId", "Signature",
        "OSSAccessKeyId", "x-oss-signature", "x-oss-signature-version", "x-oss-credential",
    }
)  # fmt: skip


def unsigned(request: Request) -> bool:
    """Whether the request carries neither an Authorization header nor a signature in its query."""
    return "authorization" not in request.headers and not any(name in SIGNATURE_PARAMETERS for name, _ in request.query)


class Dispatcher:
    """Picks dialects. Of equal ranks the dialect that was given first wins; a test keeps real claims from colliding."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        tests = [(_Test(claim), dialect) for dialect in dialects for claim in dialect.claims]
        self._tests = tuple(sorted(tests, key=lambda pair: pair[0].rank))

    def pick(self, request: Request) -> Dialect | None:
        """The dialect whose claim of the best rank holds, or None."""
        for test, dialect in self._tests:
            if test.holds(request):
                return dialect
        return None

    def claimants(self, request: Request) -> list[tuple[int, Dialect]]:
        """Every claim that holds, as rank and dialect, best first: what shows that claims do not collide."""
        return [(test.rank, dialect) for test, dialect in self._tests if test.holds(request)]


class _Test:
    """A claim, ready to be asked thousands of times a second: the cheapest and likeliest to fail is asked first."""

    __slots__ = (
        "_actions", "_authorization", "_content", "_exact", "_host", "_path", "_prefixes", "_query", "_scope",
        "_unsigned", "_version", "rank",
    )  # fmt: skip

    def __init__(self, claim: Claim) -> None:
        self.rank = claim.rank
        self._authorization = claim.authorization
        self._scope = claim.scope
        self._version = claim.version
        self._actions = claim.actions
        self._exact = tuple(name for name in claim.headers if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in claim.headers if name.endswith("*"))
        self._query = frozenset(claim.query)
        self._content = claim.content
        self._host = re.compile(claim.host) if claim.host else None
        self._path = claim.path
        self._unsigned = claim.unsigned

    def holds(self, request: Request) -> bool:
        headers = request.headers
        if self._authorization and not headers.get("authorization", "").startswith(self._authorization):
            return False
        if self._path and not request.raw_path.startswith(self._path):
            return False
        if self._scope and _scope(request) not in self._scope:
            return False
        if self._version and _named(request, "x-acs-version", "Version") != self._version:
            return False
        if self._actions and _named(request, "x-acs-action", "Action") not in self._actions:
            return False
        if self._query and not any(name in self._query for name, _ in request.query):
            return False
        if (self._exact or self._prefixes) and not self._has_header(request):
            return False
        if self._content and not headers.get("content-type", "").startswith(self._content):
            return False
        if self._host is not None and self._host.fullmatch(request.host) is None:
            return False
        return not self._unsigned or unsigned(request)

    def _has_header(self, request: Request) -> bool:
        if any(name in request.headers for name in self._exact):
            return True
        return bool(self._prefixes) and any(name.startswith(self._prefixes) for name in request.headers)


def _named(request: Request, header: str, parameter: str) -> str | None:
    """What a header says, or else a query parameter."""
    value = request.headers.get(header)
    return request.param(parameter) if value is None and request.query else value


def _scope(request: Request) -> str:
    """The service that an AWS4 credential scope names, in the header or in the query, or "".

    `Credential=KEY/20260101/us-east-1/s3/aws4_request`: the last but one, also in SigV4A's scopes without a region.
    """
    authorization = request.headers.get("authorization")
    if authorization is not None:
        if not authorization.startswith("AWS4-"):
            return ""
        credential = authorization.partition("Credential=")[2].partition(",")[0]
    else:
        credential = request.param("X-Amz-Credential") or "" if request.query else ""
    parts = credential.rsplit("/", 2)
    return parts[1] if len(parts) == 3 else ""
