"""Every client behind one small face, for what one writes and all the others read."""

from __future__ import annotations

import abc
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss
import oss2
from boto3.s3.transfer import TransferConfig
from pyarrow import fs as pafs

from tests.clients import test_ali_oss, test_ossfs, test_pyarrow, test_rclone, test_s3cmd, test_s3fs
from tests.clients.remote import Remote
from tests.stories import driver_boto3, driver_oss2, driver_oss_v2
from tests.stories.driver import Door, bare
from tests.stories.samples import MIB

CONTENT_TYPE = "application/x-own"
META = {"author": "someone"}
PART_BYTES = 5 * MIB

ANY = re.compile(r".*", re.DOTALL)
PLAIN = re.compile(r"(?=.{1,200}$)[\w +%~.-]*[\w+%~-](/[\w +%~.-]*[\w+%~-])*")
UNDOTTED = re.compile(r"(?!(.*/)?\.\.?(/|$)).*", re.DOTALL)
"""Without `.` and `..` between slashes, which most HTTP libraries take away."""
SUITS_OSS = re.compile(r"(?![/\\])" + UNDOTTED.pattern, re.DOTALL)
"""OSS makes no object whose key begins with a slash or a backslash."""


@dataclass(frozen=True)
class Look:
    """What a client shows of an object beside its bytes; None where it does not."""

    size: int
    etag: str | None = None
    content_type: str | None = None
    meta: Mapping[str, str] | None = None


@dataclass
class Client(abc.ABC):
    """`types` and `metas`: it can write CONTENT_TYPE and META. `reads` and `writes` match the keys that it asks for and
    makes unchanged: many take a key for the path of a file."""

    door: Door
    env: Mapping[str, str]
    folder: Path
    types: bool = field(default=True, init=False)
    metas: bool = field(default=True, init=False)
    reads: re.Pattern[str] = field(default=ANY, init=False)
    writes: re.Pattern[str] = field(default=ANY, init=False)

    def __post_init__(self) -> None:
        self.start()

    @abc.abstractmethod
    def start(self) -> None:
        """Get ready, and say what is beyond this client."""

    @abc.abstractmethod
    def write(self, bucket: str, key: str, data: bytes) -> None:
        """With CONTENT_TYPE and META, if it can; large bodies in parts."""

    @abc.abstractmethod
    def read(self, bucket: str, key: str) -> bytes: ...

    @abc.abstractmethod
    def look(self, bucket: str, key: str) -> Look: ...

    def read_all(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Many at once, for clients whose start takes longer than their work."""
        return {key: self.read(bucket, key) for key in keys}

    def look_all(self, bucket: str, keys: Iterable[str]) -> dict[str, Look]:
        """As `read_all`."""
        return {key: self.look(bucket, key) for key in keys}

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """End what runs."""


class Boto3(Client):
    """Transfers with parts of 5 MiB."""

    def start(self) -> None:
        self.s3 = driver_boto3.connect(self.door)
        self.parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)

    def write(self, bucket: str, key: str, data: bytes) -> None:
        told = {"ContentType": CONTENT_TYPE, "Metadata": META}
        self.s3.upload_fileobj(io.BytesIO(data), bucket, key, ExtraArgs=told, Config=self.parts)

    def read(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def look(self, bucket: str, key: str) -> Look:
        reply = self.s3.head_object(Bucket=bucket, Key=key)
        return Look(reply["ContentLength"], bare(reply["ETag"]), reply["ContentType"], reply["Metadata"])


class Awscli(Client):
    """`aws s3 cp`, and `aws s3api` for keys that look like folders; reads a bucket's tree at once."""

    def start(self) -> None:
        self.reads = PLAIN  # as files of a folder
        worker = Path(__file__).with_name("awscli_worker.py")
        self.remote = Remote([sys.executable, worker], self.env, "hello")

    def _aws(self, *words: str) -> bytes:
        done = self.remote("run", *words)
        assert done["code"] == 0, done["err"]
        return done["out"]

    def write(self, bucket: str, key: str, data: bytes) -> None:
        path = self.folder / "body"
        path.write_bytes(data)
        told = ["--content-type", CONTENT_TYPE, "--metadata", json.dumps(META)]
        if key.endswith("/"):
            self._aws("s3api", "put-object", "--bucket", bucket, "--key", key, "--body", str(path), *told)
        else:
            self._aws("s3", "cp", str(path), f"s3://{bucket}/{key}", *told)

    def read(self, bucket: str, key: str) -> bytes:
        return self.read_all(bucket, [key])[key]

    def look(self, bucket: str, key: str) -> Look:
        reply = json.loads(self._aws("s3api", "head-object", "--bucket", bucket, "--key", key))
        return Look(reply["ContentLength"], bare(reply["ETag"]), reply["ContentType"], reply["Metadata"])

    def read_all(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        tree, only = self.folder / bucket, []
        for key in keys:
            only += ["--include", key]
        self._aws("s3", "sync", "--exclude", "*", *only, f"s3://{bucket}", str(tree))
        return {key: (tree / key).read_bytes() for key in keys}

    def look_all(self, bucket: str, keys: Iterable[str]) -> dict[str, Look]:
        rows = json.loads(self._aws("s3api", "list-objects-v2", "--bucket", bucket))["Contents"]
        looks = {row["Key"]: Look(row["Size"], bare(row["ETag"])) for row in rows}
        closer = f"size/{12 * MIB}"
        return {key: looks[key] for key in keys} | {closer: self.look(bucket, closer)}

    def close(self) -> None:
        self.remote.close()


class S3fs(Client):
    """fsspec's S3."""

    def start(self) -> None:
        self.reads = self.writes = re.compile(r".*[^/]", re.DOTALL)  # it cuts slashes off the end
        self.fs = test_s3fs.start(self.door, dict(self.env))

    def write(self, bucket: str, key: str, data: bytes) -> None:
        told = {"ContentType": CONTENT_TYPE, "Metadata": META}
        self.fs("pipe_file", f"{bucket}/{key}", data, chunksize=PART_BYTES, **told)

    def read(self, bucket: str, key: str) -> bytes:
        return self.fs("cat_file", f"{bucket}/{key}")

    def look(self, bucket: str, key: str) -> Look:
        info = self.fs("info", f"{bucket}/{key}")
        return Look(info["size"], bare(info["ETag"]), info["ContentType"], self.fs("metadata", f"{bucket}/{key}"))

    def close(self) -> None:
        self.fs.close()


class Pyarrow(Client):
    """pyarrow's S3."""

    def start(self) -> None:
        self.reads = re.compile(UNDOTTED.pattern[:-2] + r"[^/]+(/[^/]+)*", re.DOTALL)  # no empty part
        # Its ETags are all of parts, and s3cmd stumbles over such an object with a new line in its key.
        self.writes = re.compile(UNDOTTED.pattern[:-2] + r"[^/\n]+(/[^/\n]+)*")
        self.metas = False
        self.fs = test_pyarrow.start(self.door)

    def write(self, bucket: str, key: str, data: bytes) -> None:
        told = {"Content-Type": CONTENT_TYPE}
        with self.fs.open_output_stream(f"{bucket}/{key}", metadata=told) as stream:
            stream.write(data)

    def read(self, bucket: str, key: str) -> bytes:
        with self.fs.open_input_stream(f"{bucket}/{key}") as stream:
            return stream.read()

    def look(self, bucket: str, key: str) -> Look:
        with self.fs.open_input_file(f"{bucket}/{key}") as file:
            told = {name: value.decode() for name, value in file.metadata().items()}
            return Look(file.size(), bare(told["ETag"]), told["Content-Type"])

    def close(self) -> None:
        assert isinstance(self.fs, pafs.S3FileSystem)


class Rclone(Client):
    """rclone: reads and looks at a bucket's tree at once."""

    def start(self) -> None:
        self.reads = self.writes = PLAIN  # the rest it writes in an alphabet of its own
        self.settings = test_rclone.settings(self.door, dict(self.env), "Other")

    def _rclone(self, *words: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(["rclone", *words], env=self.settings, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def write(self, bucket: str, key: str, data: bytes) -> None:
        (self.folder / "body").write_bytes(data)
        told = ["--header-upload", f"Content-Type: {CONTENT_TYPE}", "--metadata", "--metadata-set", "author=someone"]
        cut = ["--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "--s3-no-check-bucket"]
        self._rclone("copyto", *cut, *told, str(self.folder / "body"), f"cloud:{bucket}/{key}")

    def read(self, bucket: str, key: str) -> bytes:
        return self._rclone("cat", f"cloud:{bucket}/{key}")

    def look(self, bucket: str, key: str) -> Look:
        return self.look_all(bucket, [key])[key]

    def read_all(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        tree, wanted = self.folder / bucket, self.folder / "wanted"
        wanted.write_text("\n".join(keys))
        self._rclone("copy", "--files-from-raw", str(wanted), f"cloud:{bucket}", str(tree))
        return {key: (tree / key).read_bytes() for key in keys}

    def look_all(self, bucket: str, keys: Iterable[str]) -> dict[str, Look]:
        rows = json.loads(self._rclone("lsjson", "-R", "--files-only", "-M", "--hash", f"cloud:{bucket}"))
        looks = {}
        for row in rows:
            told = {name: value for name, value in row.get("Metadata", {}).items() if name in META}
            # Of what went up in parts it shows the MD5 that it keeps in the metadata, and not the ETag.
            etag = row.get("Hashes", {}).get("md5") if row["Size"] < PART_BYTES else None
            looks[row["Path"]] = Look(row["Size"], etag, row["MimeType"], told)
        return {key: looks[key] for key in keys}


class S3cmd(Client):
    """s3cmd: reads a bucket's tree at once."""

    def start(self) -> None:
        self.reads = self.writes = PLAIN

    def _s3cmd(self, *words: str) -> str:
        command = test_s3cmd.words(self.door, *words)
        done = subprocess.run(command, env=dict(self.env), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def write(self, bucket: str, key: str, data: bytes) -> None:
        (self.folder / "body").write_bytes(data)
        told = ["--mime-type", CONTENT_TYPE, "--add-header", "x-amz-meta-author: someone", "--no-preserve"]
        cut = ["--multipart-chunk-size-mb", "5"]
        self._s3cmd("put", *told, *cut, str(self.folder / "body"), f"s3://{bucket}/{key}")

    def read(self, bucket: str, key: str) -> bytes:
        return self.read_all(bucket, [key])[key]

    def look(self, bucket: str, key: str) -> Look:
        return self.look_all(bucket, [key])[key]

    def read_all(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        tree, only = self.folder / bucket, []
        tree.mkdir(exist_ok=True)
        for key in keys:
            only += ["--rinclude", f"^{re.escape(key)}$"]
        self._s3cmd("sync", "--exclude", "*", *only, f"s3://{bucket}/", f"{tree}/")
        return {key: (tree / key).read_bytes() for key in keys}

    def look_all(self, bucket: str, keys: Iterable[str]) -> dict[str, Look]:
        said = self._s3cmd("ls", "--recursive", "--list-md5", f"s3://{bucket}")
        looks = {}
        for size, etag, key in re.findall(rf" (\d+)  (\S+) +s3://{bucket}/(.*)", said):
            # Of what went up in parts it shows the MD5 that it keeps in the metadata, and not the ETag.
            looks[key] = Look(int(size), etag if int(size) < PART_BYTES else None)
        return {key: looks[key] for key in keys}


class Oss2(Client):
    """Resumable transfers with parts of 5 MiB."""

    signature = 4

    def start(self) -> None:
        self.reads, self.writes = re.compile(r"(?!\.\.?$).*", re.DOTALL), re.compile(r"(?!\.\.?$|[/\\]).*", re.DOTALL)
        self.auth = driver_oss2.AUTHS[self.signature](self.door.key_id, self.door.secret)

    def _at(self, bucket: str) -> oss2.Bucket:
        return oss2.Bucket(self.auth, self.door.url, bucket, region="cn-hangzhou")

    def write(self, bucket: str, key: str, data: bytes) -> None:
        (self.folder / "body").write_bytes(data)
        told = {"Content-Type": CONTENT_TYPE, "x-oss-meta-author": "someone"}
        oss2.resumable_upload(
            self._at(bucket),
            key,
            str(self.folder / "body"),
            oss2.ResumableStore(str(self.folder)),
            told,
            multipart_threshold=PART_BYTES,
            part_size=PART_BYTES,
        )

    def read(self, bucket: str, key: str) -> bytes:
        return self._at(bucket).get_object(key).read()

    def look(self, bucket: str, key: str) -> Look:
        reply = self._at(bucket).head_object(key)
        meta = {"author": reply.headers["x-oss-meta-author"]} if "x-oss-meta-author" in reply.headers else {}
        return Look(reply.content_length, bare(reply.etag), reply.content_type, meta)


class Oss2V1(Oss2):
    """With signature version 1."""

    signature = 1


class OssV2(Client):
    """Uploader with parts of 5 MiB."""

    def start(self) -> None:
        self.reads, self.writes = UNDOTTED, SUITS_OSS
        self.client = driver_oss_v2.connect(self.door)

    def write(self, bucket: str, key: str, data: bytes) -> None:
        request = oss.PutObjectRequest(bucket, key, content_type=CONTENT_TYPE, metadata=dict(META))
        self.client.uploader(part_size=PART_BYTES).upload_from(request, io.BytesIO(data))

    def read(self, bucket: str, key: str) -> bytes:
        return self.client.get_object(oss.GetObjectRequest(bucket, key)).body.content

    def look(self, bucket: str, key: str) -> Look:
        reply = self.client.head_object(oss.HeadObjectRequest(bucket, key))
        return Look(reply.content_length, bare(reply.etag), reply.content_type, dict(reply.metadata or {}))


class Ossfs(Client):
    """fsspec's OSS."""

    def start(self) -> None:
        self.types = self.metas = False
        self.reads = self.writes = PLAIN
        self.fs = test_ossfs.start(self.door, dict(self.env))

    def write(self, bucket: str, key: str, data: bytes) -> None:
        self.fs("pipe_file", f"{bucket}/{key}", data)

    def read(self, bucket: str, key: str) -> bytes:
        return self.fs("cat_file", f"{bucket}/{key}")

    def look(self, bucket: str, key: str) -> Look:
        return Look(self.fs("info", f"{bucket}/{key}")["size"])

    def close(self) -> None:
        self.fs.close()


class AliOss(Client):
    """Node.js, with parts of 5 MiB."""

    def start(self) -> None:
        self.reads = self.writes = SUITS_OSS  # it cuts slashes off the beginning
        self.oss = test_ali_oss.start(self.door, dict(self.env), v4=True, ip=False)

    def write(self, bucket: str, key: str, data: bytes) -> None:
        self.oss("useBucket", bucket)
        if len(data) <= PART_BYTES:
            self.oss("put", key, data, {"mime": CONTENT_TYPE, "meta": META})
        else:
            (self.folder / "body").write_bytes(data)
            told: dict[str, Any] = {"partSize": PART_BYTES, "mime": CONTENT_TYPE, "meta": META}
            self.oss("multipartUpload", key, str(self.folder / "body"), told)

    def read(self, bucket: str, key: str) -> bytes:
        self.oss("useBucket", bucket)
        return self.oss("get", key)["content"]

    def look(self, bucket: str, key: str) -> Look:
        self.oss("useBucket", bucket)
        reply = self.oss("head", key)
        headers = reply["res"]["headers"]
        return Look(int(headers["content-length"]), bare(headers["etag"]), headers["content-type"], reply["meta"] or {})

    def close(self) -> None:
        self.oss.close()


CLIENTS: dict[str, type[Client]] = {
    "boto3": Boto3,
    "awscli": Awscli,
    "s3fs": S3fs,
    "pyarrow": Pyarrow,
    "rclone": Rclone,
    "s3cmd": S3cmd,
    "oss2-v1": Oss2V1,
    "oss2-v4": Oss2,
    "oss_v2": OssV2,
    "ossfs": Ossfs,
    "ali_oss": AliOss,
}
"""With signature version 4 where there is a choice; the others are told apart in the stories."""
