"""S3's names for what the core names in its own words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sampan.services.objects.model import ChecksumType, StorageClass

CLOUD = "aws"
SERVICE = "s3"
FIRST_REGION = "us-east-1"
"""The region whose name S3 leaves out of a bucket's location, and where creating one's own bucket again is fine."""

STORAGE_CLASSES: Mapping[str, StorageClass] = {
    "STANDARD": StorageClass.STANDARD,
    "REDUCED_REDUNDANCY": StorageClass.REDUCED,
    "STANDARD_IA": StorageClass.INFREQUENT,
    "ONEZONE_IA": StorageClass.INFREQUENT_ONE_ZONE,
    "INTELLIGENT_TIERING": StorageClass.INTELLIGENT,
    "GLACIER_IR": StorageClass.ARCHIVE_INSTANT,
    "GLACIER": StorageClass.ARCHIVE,
    "DEEP_ARCHIVE": StorageClass.ARCHIVE_DEEP,
}
STORAGE_CLASS_WORDS: Mapping[StorageClass, str] = {
    **{value: word for word, value in STORAGE_CLASSES.items()},
    StorageClass.ARCHIVE_COLD: "GLACIER",  # OSS's, between two of S3's; reads through S3 as the nearer one
}

CHECKSUM_WORDS: Mapping[str, str] = {
    "crc32": "CRC32",
    "crc32c": "CRC32C",
    "crc64nvme": "CRC64NVME",
    "sha1": "SHA1",
    "sha256": "SHA256",
}
CHECKSUM_TYPE_WORDS: Mapping[ChecksumType, str] = {
    ChecksumType.FULL: "FULL_OBJECT",
    ChecksumType.COMPOSITE: "COMPOSITE",
}
CHECKSUM_TYPES: Mapping[str, ChecksumType] = {word: value for value, word in CHECKSUM_TYPE_WORDS.items()}


def canonical_id(account: str) -> str:
    """The 64 hexadecimal digits by which S3 shows an account in owners and grants."""
    return hashlib.sha256(f"sampan canonical user {account}".encode()).hexdigest()
