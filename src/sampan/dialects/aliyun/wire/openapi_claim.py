"""What a request to an OpenAPI product says of its own signature, before anybody believes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sampan.kernel.fault import Fault, Kind

NONCE_CHARS_MAX = 256  # SDKs send 32 to 64


@dataclass(frozen=True, slots=True)
class Claim:
    """One scheme's reading of a request.

    `at_ms` is when it was signed, `date` the same as it was written. `nonce` is "" where the scheme may do without.
    `signed` holds what may have been signed: more than one text where clients of one scheme differ. `sign` makes the
    signature from a secret and one of them. `canonical` is for the error that a wrong signature gets.
    """

    key_id: str
    signature: str
    date: str
    at_ms: int
    nonce: str
    token: str | None
    signed: tuple[str, ...]
    sign: Callable[[str, str], str] = field(repr=False)
    canonical: str = ""


def required(values: Mapping[str, str], name: str) -> str:
    """A parameter that every signed request has. Raises ABSENT "argument"."""
    value = values.get(name, "")
    if not value:
        raise Fault(Kind.ABSENT, "argument", name=name)
    return value


def nonce(value: str) -> str:
    """A nonce of a length that can be kept. Raises INVALID "argument"."""
    if len(value) > NONCE_CHARS_MAX:
        raise Fault(Kind.INVALID, "argument", name="SignatureNonce", value=value[:64])
    return value


def time(at_ms: int | None, date: str) -> int:
    """A time that could be read. Raises INVALID "timestamp"."""
    if at_ms is None:
        raise Fault(Kind.INVALID, "timestamp", value=date[:64])
    return at_ms
