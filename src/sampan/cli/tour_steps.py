"""The steps of `sampan tour`: each does something through one SDK and checks it through another.

A step returns what it proved, in a few words; it raises Unproven, or lets an SDK's error through, when it could not.
"""

from __future__ import annotations

import hashlib
import time
import urllib.parse

import boto3
import oss2
from botocore.config import Config
from fastcrc import crc64

from sampan.cli import tour_models
from sampan.cli.tour_traveller import LARGE, MIB, PLAIN, Step, Traveller, check, expect

PART = 8 * MIB
KEY = "crew list/grüße, 船 & co (1+1=2).txt"  # what a sloppy canonical request would trip over
FAR_AWAY = ("sa-east-1", "me-central-1")  # regions of each cloud that no default is likely to be
TEXT = b"Both doors open on the same deck.\n" * 100


# --- one bucket, two clouds ------------------------------------------------------------------------------------------


def _bucket_from_aws(t: Traveller) -> str:
    t.s3.create_bucket(Bucket=t.from_aws)
    check(t.from_aws in [bucket.name for bucket in oss2.BucketIterator(t.service)], "oss2 does not list it")
    info = t.bucket(t.from_aws).get_bucket_info()
    check(info.location == f"oss-{t.door.region_aliyun}", f"OSS says that it is in {info.location}")
    return f"listed by OSS, and in {info.location} there"


def _bucket_from_aliyun(t: Traveller) -> str:
    t.bucket(t.from_aliyun).create_bucket()
    names = [bucket["Name"] for bucket in t.s3.list_buckets()["Buckets"]]
    check(t.from_aliyun in names, "boto3 does not list it")
    region = t.s3.head_bucket(Bucket=t.from_aliyun)["BucketRegion"]
    check(region == t.door.region_aws, f"S3 says that it is in {region}")
    return f"listed by S3, and in {region} there"


# --- one object, two doors -------------------------------------------------------------------------------------------


def _object_from_aws(t: Traveller) -> str:
    t.s3.put_object(
        Bucket=t.from_aws, Key=KEY, Body=TEXT, ContentType="text/x-crew", Metadata={"rank": "bosun"},
        CacheControl="max-age=60",
    )  # fmt: skip
    found = t.bucket(t.from_aws).get_object(KEY)
    check(found.read() == TEXT, "other bytes came back")
    check(found.etag == hashlib.md5(TEXT, usedforsecurity=False).hexdigest().upper(), f"the ETag is {found.etag}")
    check(found.server_crc == crc64.xz(TEXT), f"the CRC-64 is {found.server_crc}")
    check(found.content_type == "text/x-crew", f"the content type is {found.content_type}")
    check(found.headers.get("x-oss-meta-rank") == "bosun", "the metadata is lost")
    check(found.headers.get("cache-control") == "max-age=60", "Cache-Control is lost")
    return "same bytes, MD5, CRC-64, content type, metadata"


def _object_from_aliyun(t: Traveller) -> str:
    headers = {"Content-Type": "text/x-crew", "x-oss-meta-rank": "cook", "Content-Disposition": "inline"}
    t.bucket(t.from_aliyun).put_object(KEY, TEXT, headers=headers)
    found = t.s3.get_object(Bucket=t.from_aliyun, Key=KEY)
    check(found["Body"].read() == TEXT, "other bytes came back")
    digest = hashlib.md5(TEXT, usedforsecurity=False).hexdigest()
    check(found["ETag"] == f'"{digest}"', f"the ETag is {found['ETag']}")
    check(found["ContentType"] == "text/x-crew", f"the content type is {found['ContentType']}")
    check(found["Metadata"] == {"rank": "cook"}, f"the metadata is {found['Metadata']}")
    check(found["ContentDisposition"] == "inline", "Content-Disposition is lost")
    return "same bytes, MD5, content type, metadata"


def _copied(t: Traveller) -> str:
    t.bucket(t.from_aliyun).copy_object(t.from_aws, KEY, "copies/of crew")
    found = t.s3.get_object(Bucket=t.from_aliyun, Key="copies/of crew")
    check(found["Body"].read() == TEXT, "other bytes came back")
    check(found["Metadata"] == {"rank": "bosun"}, f"the metadata is {found['Metadata']}")
    return "same bytes, metadata taken along"


def _listed(t: Traveller) -> str:
    for key in ("a/1", "a/2", "b", "a.txt"):
        t.s3.put_object(Bucket=t.from_aws, Key=f"list/{key}", Body=b"x")
    ours = t.s3.list_objects_v2(Bucket=t.from_aws, Prefix="list/", Delimiter="/")
    theirs = t.bucket(t.from_aws).list_objects_v2(prefix="list/", delimiter="/")
    keys = [entry["Key"] for entry in ours["Contents"]]
    check(keys == [entry.key for entry in theirs.object_list] == ["list/a.txt", "list/b"], f"S3 lists {keys}")
    prefixes = [entry["Prefix"] for entry in ours["CommonPrefixes"]]
    check(prefixes == theirs.prefix_list == ["list/a/"], f"S3 rolls up {prefixes}")
    return "same keys and folders, same order"


def _tagged(t: Traveller) -> str:
    tags = [{"Key": "deck", "Value": "upper"}]
    t.s3.put_object_tagging(Bucket=t.from_aws, Key=KEY, Tagging={"TagSet": tags})
    found = t.bucket(t.from_aws).get_object_tagging(KEY).tag_set.tagging_rule
    check(found == {"deck": "upper"}, f"OSS finds {found}")
    return "the same tag"


def _kept(t: Traveller) -> str:
    expect(lambda: t.s3.put_object(Bucket=t.from_aws, Key=KEY, Body=b"x", IfNoneMatch="*"), 412, "PreconditionFailed")
    forbid = {"x-oss-forbid-overwrite": "true"}
    expect(lambda: t.bucket(t.from_aws).put_object(KEY, b"x", headers=forbid), 409, "FileAlreadyExists")
    check(t.bucket(t.from_aws).get_object(KEY).read() == TEXT, "it was overwritten")
    return "412 PreconditionFailed, 409 FileAlreadyExists"


def _damaged(t: Traveller) -> str:
    wrong = "AAAAAAAAAAAAAAAAAAAAAA=="
    expect(lambda: t.s3.put_object(Bucket=t.from_aws, Key="damaged", Body=b"x", ContentMD5=wrong), 400, "BadDigest")
    send = {"Content-MD5": wrong}
    expect(lambda: t.bucket(t.from_aws).put_object("damaged", b"x", headers=send), 400, "InvalidDigest")
    expect(lambda: t.s3.head_object(Bucket=t.from_aws, Key="damaged"), 404, "404")
    return "400 BadDigest, 400 InvalidDigest, nothing kept"


# --- large and growing -----------------------------------------------------------------------------------------------


def _multipart_from_aws(t: Traveller) -> str:
    upload = t.s3.create_multipart_upload(Bucket=t.from_aws, Key="large/aws")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, LARGE, PART), 1):
        part = t.s3.upload_part(
            Bucket=t.from_aws, Key="large/aws", UploadId=upload, PartNumber=number, Body=t.large[start : start + PART]
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    t.s3.complete_multipart_upload(
        Bucket=t.from_aws, Key="large/aws", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    bucket = t.bucket(t.from_aws)
    step = 3 * MIB + 17  # so that the ranges cross the parts
    pieces = (
        bucket.get_object("large/aws", byte_range=(start, min(start + step, LARGE) - 1)).read()
        for start in range(0, LARGE, step)
    )
    check(b"".join(pieces) == t.large, "other bytes came back")
    check(int(bucket.head_object("large/aws").headers["x-oss-hash-crc64ecma"]) == crc64.xz(t.large), "another CRC-64")
    return f"{-(-LARGE // step)} ranges across {len(parts)} parts, CRC-64 of the whole"


def _multipart_from_aliyun(t: Traveller) -> str:
    bucket = t.bucket(t.from_aliyun)
    upload = bucket.init_multipart_upload("large/aliyun").upload_id
    parts = []
    for number, start in enumerate(range(0, LARGE, PART), 1):
        piece = t.large[start : start + PART]
        found = bucket.upload_part("large/aliyun", upload, number, piece)
        parts.append(oss2.models.PartInfo(number, found.etag, len(piece), part_crc=found.crc))
    bucket.complete_multipart_upload("large/aliyun", upload, parts)  # compares the CRC-64 of the whole
    found = t.s3.get_object(Bucket=t.from_aliyun, Key="large/aliyun")
    check(found["Body"].read() == t.large, "other bytes came back")
    second = t.s3.get_object(Bucket=t.from_aliyun, Key="large/aliyun", PartNumber=2)
    check(second["Body"].read() == t.large[PART : 2 * PART], "part 2 is another one")
    return f"20 MiB in one piece, part 2 of {second['PartsCount']} by its number"


def _appended(t: Traveller) -> str:
    bucket, position = t.bucket(t.from_aliyun), 0
    for line in (b"cast off\n", b"set sail\n", b"drop anchor\n"):
        position = bucket.append_object("log", position, line).next_position
    found = t.s3.get_object(Bucket=t.from_aliyun, Key="log")["Body"].read()
    check(found == b"cast off\nset sail\ndrop anchor\n", f"S3 reads {found!r}")
    expect(lambda: bucket.append_object("log", 0, b"again"), 409, "PositionNotEqualToLength")
    return "an ordinary object to S3; a stale position gets 409"


def _linked(t: Traveller) -> str:
    t.bucket(t.from_aliyun).put_symlink("log", "latest")
    found = t.s3.get_object(Bucket=t.from_aliyun, Key="latest")["Body"].read()
    check(found.endswith(b"drop anchor\n"), f"S3 reads {found!r}")
    return "S3 reads what it points to"


# --- versions --------------------------------------------------------------------------------------------------------


def _versioned(t: Traveller) -> str:
    t.s3.put_bucket_versioning(Bucket=t.from_aws, VersioningConfiguration={"Status": "Enabled"})
    first = t.s3.put_object(Bucket=t.from_aws, Key="chart", Body=b"first")["VersionId"]
    bucket = t.bucket(t.from_aws)
    second = bucket.put_object("chart", b"second").versionid
    check(bool(first and second and first != second), f"the versions are {first} and {second}")
    old = bucket.get_object("chart", params={"versionId": first}).read()
    check(old == b"first", f"OSS reads {old!r} as the first version")
    check(t.s3.get_object(Bucket=t.from_aws, Key="chart")["Body"].read() == b"second", "S3 reads another one")
    return "two versions, each read through the other door"


def _undeleted(t: Traveller) -> str:
    t.s3.delete_object(Bucket=t.from_aws, Key="chart")
    bucket = t.bucket(t.from_aws)
    expect(lambda: bucket.get_object("chart"), 404, "NoSuchKey")
    (marker,) = [row for row in bucket.list_object_versions(prefix="chart").delete_marker if row.is_latest]
    bucket.delete_object("chart", params={"versionId": marker.versionid})
    check(t.s3.get_object(Bucket=t.from_aws, Key="chart")["Body"].read() == b"second", "S3 reads another one")
    return "404 for OSS; oss2 lifts the delete marker, boto3 reads again"


# --- nobody without a key --------------------------------------------------------------------------------------------


def _wrong_secret(t: Traveller) -> str:
    s3, bucket = t.stranger(t.door.key_id, "not-the-secret")
    expect(lambda: s3.get_object(Bucket=t.from_aws, Key=KEY), 403, "SignatureDoesNotMatch")
    expect(lambda: bucket.get_object(KEY), 403, "SignatureDoesNotMatch")
    return "403 SignatureDoesNotMatch from both"


def _unknown_key(t: Traveller) -> str:
    s3, bucket = t.stranger("NOBODYS-KEY", "a-secret")
    expect(lambda: s3.get_object(Bucket=t.from_aws, Key=KEY), 403, "InvalidAccessKeyId")
    expect(lambda: bucket.get_object(KEY), 403, "InvalidAccessKeyId")
    return "403 InvalidAccessKeyId from both"


def _nobody(t: Traveller) -> str:
    status, body = t.fetch(f"{t.door.url}/{t.from_aws}/{urllib.parse.quote(KEY)}")
    check(status == 403 and b"AccessDenied" in body, f"answered with {status}")
    return "403 AccessDenied"


def _presigned(t: Traveller) -> str:
    for url in (_aws_url(t, 60), _aliyun_url(t, 60)):
        status, body = t.fetch(url)
        check((status, body) == (200, TEXT), f"{urllib.parse.urlsplit(url).path} answered with {status}")
    put = t.bucket(t.from_aliyun).sign_url("PUT", "by link", 60, headers={"Content-Type": PLAIN}, slash_safe=True)
    status, _ = t.fetch(str(put), b"through the window")
    check(status == 200, f"the link to put answered with {status}")
    found = t.s3.get_object(Bucket=t.from_aliyun, Key="by link")
    check(found["Body"].read() == b"through the window", "other bytes came back")
    return "two links to read, one to write, all three open"


def _tampered(t: Traveller) -> str:
    changes = ("co%20%281", "co%20%282"), ("response-content-type=text", "response-content-type=html")
    for url in (_aws_url(t, 60), _aliyun_url(t, 60)):
        for before, after in changes:
            check(before in url, f"{before} is not in the link")
            status, body = t.fetch(url.replace(before, after))
            check(status == 403 and b"SignatureDoesNotMatch" in body, f"answered with {status} to {after}")
    return "403 SignatureDoesNotMatch: path and query, both clouds"


def _expired(t: Traveller) -> str:
    urls = _aws_url(t, 1), _aliyun_url(t, 1)
    time.sleep(2.1)
    for url in urls:
        status, body = t.fetch(url)
        check(status == 403 and b"AccessDenied" in body and b"expired" in body.lower(), f"answered with {status}")
    return "403 AccessDenied, as expired, from both"


def _elsewhere(t: Traveller) -> str:
    # Without a link, boto3 would read the right region from the error and try again.
    s3 = boto3.client("s3", region_name=FAR_AWAY[0], config=Config(signature_version="s3v4"))
    link = s3.generate_presigned_url("get_object", Params={"Bucket": t.from_aws, "Key": KEY})
    status, body = t.fetch(link)
    check(status == 400 and b"AuthorizationHeaderMalformed" in body, f"S3 answered with {status}")
    check(f"<Region>{t.door.region_aws}</Region>".encode() in body, "S3 does not name the right region")
    bucket = oss2.Bucket(t.auth, t.door.url, t.from_aws, region=FAR_AWAY[1])
    expect(lambda: bucket.get_object(KEY), 400, "InvalidArgument")
    return "400 AuthorizationHeaderMalformed, 400 InvalidArgument"


def _aws_url(t: Traveller, seconds: int) -> str:
    params = {"Bucket": t.from_aws, "Key": KEY, "ResponseContentType": PLAIN}
    return str(t.s3.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds))


def _aliyun_url(t: Traveller, seconds: int) -> str:
    params = {"response-content-type": PLAIN}
    return str(t.bucket(t.from_aws).sign_url("GET", KEY, seconds, slash_safe=True, params=params))


# --- the newer SDK, and goodbye --------------------------------------------------------------------------------------


def _third_sdk(t: Traveller) -> str:
    import alibabacloud_oss_v2 as oss

    settings = oss.config.load_default()
    settings.credentials_provider = oss.credentials.EnvironmentVariableCredentialsProvider()
    settings.region, settings.endpoint, settings.use_path_style = t.door.region_aliyun, t.door.url, True
    client = oss.Client(settings)
    client.put_object(oss.PutObjectRequest(bucket=t.from_aws, key="third", body=TEXT, metadata={"rank": "mate"}))
    ours = t.s3.get_object(Bucket=t.from_aws, Key="third")
    theirs = t.bucket(t.from_aws).get_object("third")
    check(ours["Body"].read() == theirs.read() == TEXT, "other bytes came back")
    check(ours["Metadata"] == {"rank": "mate"}, f"the metadata is {ours['Metadata']}")
    return "same bytes and metadata through three SDKs"


def _cleaned(t: Traveller) -> str:
    n_removed = 0
    for name in (t.from_aws, t.from_aliyun):
        for page in t.s3.get_paginator("list_object_versions").paginate(Bucket=name):
            rows = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            targets = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
            if targets:
                t.s3.delete_objects(Bucket=name, Delete={"Objects": targets})
                n_removed += len(targets)
    t.s3.delete_bucket(Bucket=t.from_aliyun)
    t.bucket(t.from_aws).delete_bucket()
    expect(lambda: t.s3.list_objects_v2(Bucket=t.from_aws), 404, "NoSuchBucket")
    expect(lambda: t.bucket(t.from_aliyun).list_objects(), 404, "NoSuchBucket")
    return f"{n_removed} versions and 2 buckets gone, from both clouds"


STEPS: tuple[Step, ...] = (
    Step("One bucket, two clouds", "A bucket is made on AWS", "boto3 → oss2", _bucket_from_aws),
    Step("One bucket, two clouds", "A bucket is made on Alibaba Cloud", "oss2 → boto3", _bucket_from_aliyun),
    Step("One object, two doors", "Put on S3, read on OSS", "boto3 → oss2", _object_from_aws),
    Step("One object, two doors", "Put on OSS, read on S3", "oss2 → boto3", _object_from_aliyun),
    Step("One object, two doors", "Copied on OSS, read on S3", "oss2 → boto3", _copied),
    Step("One object, two doors", "Listed on both", "boto3 = oss2", _listed),
    Step("One object, two doors", "Tagged on S3, read on OSS", "boto3 → oss2", _tagged),
    Step("One object, two doors", "Both refuse to overwrite when told so", "boto3, oss2", _kept),
    Step("One object, two doors", "Both refuse bytes that do not match their MD5", "boto3, oss2", _damaged),
    Step("Large and growing", "20 MiB in parts on S3, read by ranges on OSS", "boto3 → oss2", _multipart_from_aws),
    Step("Large and growing", "20 MiB in parts on OSS, read whole on S3", "oss2 → boto3", _multipart_from_aliyun),
    Step("Large and growing", "Appended to on OSS, read on S3", "oss2 → boto3", _appended),
    Step("Large and growing", "Linked on OSS, read on S3", "oss2 → boto3", _linked),
    Step("Versions", "Switched on on S3, overwritten on OSS", "boto3 ↔ oss2", _versioned),
    Step("Versions", "Deleted on S3, brought back on OSS", "boto3 ↔ oss2", _undeleted),
    Step("Nobody without a key", "A wrong secret", "boto3, oss2", _wrong_secret),
    Step("Nobody without a key", "An access key that does not exist", "boto3, oss2", _unknown_key),
    Step("Nobody without a key", "No signature at all", "plain HTTP", _nobody),
    Step("Nobody without a key", "Presigned links of both clouds", "plain HTTP", _presigned),
    Step("Nobody without a key", "The same links, tampered with", "plain HTTP", _tampered),
    Step("Nobody without a key", "Links whose time is over", "plain HTTP", _expired),
    Step("Nobody without a key", "Signed for another region", "boto3, oss2", _elsewhere),
    Step(
        "And a third SDK",
        "Put with alibabacloud-oss-v2, read by both",
        "oss-v2 → both",
        _third_sdk,
    ),
    *tour_models.STEPS,
    Step("Goodbye", "Everything is removed again", "boto3, oss2", _cleaned),
)
