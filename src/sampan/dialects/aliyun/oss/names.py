"""OSS's names for what other clouds name otherwise: storage classes, forms of objects, regions."""

from __future__ import annotations

from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import Acl, Form, StorageClass, Versioning

STORAGE_CLASSES = {
    "Standard": StorageClass.STANDARD,
    "IA": StorageClass.INFREQUENT,
    "Archive": StorageClass.ARCHIVE,
    "ColdArchive": StorageClass.ARCHIVE_COLD,
    "DeepColdArchive": StorageClass.ARCHIVE_DEEP,
}

STORAGE_CLASS_NAMES = {
    **{value: name for name, value in STORAGE_CLASSES.items()},
    # OSS has no such classes; it shows the nearest one of its own.
    StorageClass.REDUCED: "Standard",
    StorageClass.INTELLIGENT: "Standard",
    StorageClass.INFREQUENT_ONE_ZONE: "IA",
    StorageClass.ARCHIVE_INSTANT: "IA",
}

FORM_NAMES = {
    Form.NORMAL: "Normal",
    Form.MULTIPART: "Multipart",
    Form.APPENDABLE: "Appendable",
    Form.SYMLINK: "Symlink",
}

# S3's fourth, for whoever has signed, is not public: OSS has no word for it.
ACLS = {"private": Acl.PRIVATE, "public-read": Acl.PUBLIC_READ, "public-read-write": Acl.PUBLIC_READ_WRITE}
DEFAULT_ACL = "default"
"""An object's that has none of its own: the bucket's counts."""

VERSIONING_NAMES = {Versioning.ENABLED: "Enabled", Versioning.SUSPENDED: "Suspended"}

ARCHIVED = frozenset({StorageClass.ARCHIVE, StorageClass.ARCHIVE_COLD, StorageClass.ARCHIVE_DEEP})


def storage_class(name: str) -> StorageClass:
    """Raises INVALID "argument"."""
    found = STORAGE_CLASSES.get(name)
    if found is None:
        raise Fault(Kind.INVALID, "argument", "No such storage class.", name="x-oss-storage-class", value=name[:64])
    return found


def acl(canned: Acl | None) -> str:
    """OSS's word for an ACL, which of an object may be none."""
    if canned is None:
        return DEFAULT_ACL
    return next((word for word, value in ACLS.items() if value is canned), "private")


def region(location: str) -> str:
    """`cn-hangzhou` of `oss-cn-hangzhou`; a region without the prefix stays."""
    return location.removeprefix("oss-")


def location(region_name: str) -> str:
    """`oss-cn-hangzhou` of `cn-hangzhou`."""
    return "oss-" + region_name
