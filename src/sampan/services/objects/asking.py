"""What commands on objects tell the guard: their permissions' fine print, and the values of condition keys."""

from __future__ import annotations

from collections.abc import Mapping

from sampan.services.objects.values import Acl, Meta


def versioned(action: str, version: str | None) -> str:
    """The action on a version that is named: both clouds have permissions of their own for that."""
    return action if version is None else f"{action}Version"


def written(path: str, tags: Mapping[str, str] | None, acl: Acl | None) -> tuple[tuple[str, str], ...]:
    """What it takes to write an object: tags and an ACL that come with it are permissions of their own."""
    pairs: tuple[tuple[str, str], ...] = (("objects:PutObject", path),)
    if tags:
        pairs += (("objects:PutObjectTags", path),)
    return pairs if acl is None else (*pairs, ("objects:PutObjectAcl", path))


def asked_listing(prefix: str, delimiter: str, limit: int) -> dict[str, tuple[str, ...]]:
    """A delimiter that was not given is not there; a prefix always is."""
    said: dict[str, tuple[str, ...]] = {"objects:prefix": (prefix,), "objects:max-keys": (str(limit),)}
    if delimiter:
        said["objects:delimiter"] = (delimiter,)
    return said


def asked_version(version: str | None) -> dict[str, tuple[str, ...]]:
    """Only a version that is named can be asked for."""
    return {} if version is None else {"objects:version": (version,)}


def asked_acl(acl: Acl | None) -> dict[str, tuple[str, ...]]:
    """The ACL that something is to be given; none that is not."""
    return {} if acl is None else {"objects:acl": (str(acl),)}


def asked_class(meta: Meta) -> dict[str, tuple[str, ...]]:
    """The storage class that an object is to have, where its writer says so."""
    return {} if meta.class_of_bucket else {"objects:storage-class": (str(meta.storage_class),)}
