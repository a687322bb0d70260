"""The few lines that make each client speak to this Sampan, ready to be pasted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from sampan.cli.door import Door


def _boto3(door: Door) -> str:
    return f"""\
import boto3

s3 = boto3.client(
    "s3",
    endpoint_url={door.url!r},
    aws_access_key_id={door.key_id!r},
    aws_secret_access_key={door.secret!r},
    region_name={door.region_aws!r},{_line(door, "verify={!r},")}
)
print(s3.list_buckets()["Buckets"])
"""


def _awscli(door: Door) -> str:
    return f"""\
# ~/.aws/config; then: aws --profile sampan s3 ls
[profile sampan]
endpoint_url = {door.url}
region = {door.region_aws}
aws_access_key_id = {door.key_id}
aws_secret_access_key = {door.secret}
{_line(door, "ca_bundle = {}", indent="")}"""


def _s3fs(door: Door) -> str:
    return f"""\
import s3fs

fs = s3fs.S3FileSystem(
    key={door.key_id!r},
    secret={door.secret!r},
    client_kwargs={{
        "endpoint_url": {door.url!r},
        "region_name": {door.region_aws!r},{_line(door, '"verify": {!r},', indent="        ")}
    }},
)
print(fs.ls("/"))
"""


def _pyarrow(door: Door) -> str:
    return f"""\
from pyarrow import fs

s3 = fs.S3FileSystem(
    access_key={door.key_id!r},
    secret_key={door.secret!r},
    endpoint_override={door.netloc!r},
    scheme={door.scheme!r},
    region={door.region_aws!r},
    allow_bucket_creation=True,{_line(door, "tls_ca_file_path={!r},")}
)
print(s3.get_file_info(fs.FileSelector("")))
"""


def _duckdb(door: Door) -> str:
    return f"""\
INSTALL httpfs;
LOAD httpfs;
CREATE SECRET sampan (
    TYPE s3,
    KEY_ID '{door.key_id}',
    SECRET '{_doubled(door.secret)}',
    REGION '{door.region_aws}',
    ENDPOINT '{door.netloc}',
    URL_STYLE 'path',
    USE_SSL {str(door.scheme == "https").lower()}
);
-- SELECT * FROM 's3://bucket/table.parquet';
"""  # noqa: S608 - a text to be pasted, of our own making


def _rclone(door: Door) -> str:
    return f"""\
# rclone.conf; then: rclone lsd sampan:{_line(door, "# and with every command: --ca-cert {}", indent="")}
[sampan]
type = s3
provider = Other
endpoint = {door.url}
region = {door.region_aws}
access_key_id = {door.key_id}
secret_access_key = {door.secret}
force_path_style = true
"""


def _s3cmd(door: Door) -> str:
    return f"""\
# ~/.s3cfg; then: s3cmd ls
[default]
access_key = {door.key_id}
secret_key = {door.secret}
host_base = {door.netloc}
host_bucket = {door.netloc}
bucket_location = {door.region_aws}
use_https = {door.scheme == "https"}{_line(door, "ca_certs_file = {}", indent="")}
"""


def _awsjs(door: Door) -> str:
    return f"""\
const {{ S3Client, ListBucketsCommand }} = require("@aws-sdk/client-s3");

const s3 = new S3Client({{
  endpoint: {json.dumps(door.url)},
  region: {json.dumps(door.region_aws)},
  forcePathStyle: true,
  credentials: {{ accessKeyId: {json.dumps(door.key_id)}, secretAccessKey: {json.dumps(door.secret)} }},
}});{_line(door, "// start node with NODE_EXTRA_CA_CERTS={}", indent="")}
s3.send(new ListBucketsCommand({{}})).then((page) => console.log(page.Buckets));
"""


def _oss2(door: Door) -> str:
    if door.authority is not None:
        before, session = (
            "import requests\n",
            "session = oss2.Session()\n" + f"session.session.verify = {str(door.authority)!r}\n",
        )
        last = ", session=session"
    else:
        before = session = last = ""
    return f"""\
import oss2
{before}
{session}auth = oss2.AuthV4({door.key_id!r}, {door.secret!r})
service = oss2.Service(auth, {door.url!r}, region={door.region_aliyun!r}{last})
print([bucket.name for bucket in service.list_buckets().buckets])
bucket = oss2.Bucket(auth, {door.url!r}, "photos", region={door.region_aliyun!r}{last})
"""


def _oss_v2(door: Door) -> str:
    return f"""\
import alibabacloud_oss_v2 as oss

cfg = oss.config.load_default()
cfg.credentials_provider = oss.credentials.StaticCredentialsProvider({door.key_id!r}, {door.secret!r})
cfg.region = {door.region_aliyun!r}
cfg.endpoint = {door.url!r}
cfg.use_path_style = True{_line(door, "# start Python with REQUESTS_CA_BUNDLE={}", indent="")}
client = oss.Client(cfg)
print([bucket.name for bucket in client.list_buckets(oss.ListBucketsRequest()).buckets or []])
"""


def _ossfs(door: Door) -> str:
    return f"""\
import ossfs

fs = ossfs.OSSFileSystem(endpoint={door.url!r}, key={door.key_id!r}, secret={door.secret!r})
{_line(door, "# start Python with REQUESTS_CA_BUNDLE={}", indent="").lstrip()}print(fs.ls("/"))
"""


def _ali_oss(door: Door) -> str:
    # On an IP address ali-oss leaves the bucket out of the path: a name and sldEnable make it path style.
    url = door.url.replace("127.0.0.1", "localhost")
    return f"""\
const OSS = require("ali-oss");

const client = new OSS({{
  endpoint: {json.dumps(url)},
  sldEnable: true,
  region: {json.dumps("oss-" + door.region_aliyun)},
  authorizationV4: true,
  accessKeyId: {json.dumps(door.key_id)},
  accessKeySecret: {json.dumps(door.secret)},
  bucket: "photos",
}});{_line(door, "// start node with NODE_EXTRA_CA_CERTS={}", indent="")}
client.listBuckets().then((page) => console.log(page.buckets));
"""


def _curl(door: Door) -> str:
    authority = "" if door.authority is None else f" --cacert '{door.authority}'"
    return f"""\
curl --aws-sigv4 aws:amz:{door.region_aws}:s3 --user '{door.key_id}:{_quoted(door.secret)}' \\
    --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD'{authority} {door.url}/
"""


def _line(door: Door, text: str, indent: str = "    ") -> str:
    """A further line about our own authority's certificate, where there is one."""
    return "" if door.authority is None else f"\n{indent}{text.format(str(door.authority))}"


def _doubled(secret: str) -> str:
    return secret.replace("'", "''")


def _quoted(secret: str) -> str:
    return secret.replace("'", "'\\''")


SNIPPETS: Mapping[str, Callable[[Door], str]] = {
    "boto3": _boto3,
    "awscli": _awscli,
    "s3fs": _s3fs,
    "pyarrow": _pyarrow,
    "duckdb": _duckdb,
    "rclone": _rclone,
    "s3cmd": _s3cmd,
    "aws-sdk-js": _awsjs,
    "oss2": _oss2,
    "oss-v2": _oss_v2,
    "ossfs": _ossfs,
    "ali-oss": _ali_oss,
    "curl": _curl,
}
"""By the name that `sampan env --for` takes."""
