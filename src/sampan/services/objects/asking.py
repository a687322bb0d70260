"""What commands on objects tell the guard: their permissions' fine print, and the values of condition keys."""

from __future__ import annotations

from collections.abc import Mapping

from sampan.services.objects.values import StorageClass


def versioned(action: str, version: str | None) -> str:
    """The action on a version that is named: both clouds have permissions of their own for that."""
    return action if version is None else f"{action}Version"


def written(path: str, tags: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """What it takes to write an object: tags that come with it are a permission of their own, as in both clouds."""
    return (("objects:PutObject", path), ("objects:PutObjectTags", path)) if tags else (("objects:PutObject", path),)


def asked_listing(prefix: str, delimiter: str, limit: int) -> dict[str, tuple[str, ...]]:
    """A delimiter that was not given is not there; a prefix always is."""
    said: dict[str, tuple[str, ...]] = {"objects:prefix": (prefix,), "objects:max-keys": (str(limit),)}
    if delimiter:
        said["objects:delimiter"] = (delimiter,)
    return said


def asked_version(version: str | None) -> dict[str, tuple[str, ...]]:
    """Only a version that is named can be asked for."""
    return {} if version is None else {"objects:version": (version,)}


def asked_class(storage_class: StorageClass) -> dict[str, tuple[str, ...]]:
    """The storage class that an object is to have."""
    return {"objects:storage-class": (str(storage_class),)}
