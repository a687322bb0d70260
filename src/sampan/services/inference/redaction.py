"""What must not lie in a log: secrets that people paste into questions, masked by how they look."""

from __future__ import annotations

import re

MASK = "[redacted]"
_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![A-Za-z0-9])(?:"  # what comes before may be a character of any language
    r"(?:AKIA|ASIA|LTAI|STS\.|ABSK)[A-Za-z0-9+/=]{12,}"  # access keys of AWS and of Alibaba Cloud
    r"|(?:sk|pk|rk|hf|ghp|gho|ghs|xox[abprs])[-_][A-Za-z0-9_-]{16,}"  # bearer keys
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # JSON Web Tokens (RFC 7519)
    r")"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",  # addresses of people
    re.DOTALL,
)
_NAMED = re.compile(
    r"((?:password|passwd|secret|token|api[_-]?key|access[_-]?key|密码|口令)[\"']?\s*[:=：]\s*[\"']?)[^\s\"',;]{4,}",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def redacted(text: str) -> str:
    """The text without keys, tokens, passwords that are called so, e-mail addresses and numbers of payment cards."""
    text = _SECRETS.sub(MASK, text)
    text = _NAMED.sub(rf"\g<1>{MASK}", text)
    return _DIGITS.sub(lambda found: MASK if _card(found[0]) else found[0], text)


def _card(text: str) -> bool:
    """Whether digits are a card's number: its last one checks the others (Luhn, ISO/IEC 7812-1)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
