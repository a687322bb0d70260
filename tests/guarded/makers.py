"""Both clouds' ways to make people, rules and buckets, each by its official SDK, under the same words."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any, Protocol

import alibabacloud_oss_v2 as oss
import boto3
from alibabacloud_oss_v2.credentials import StaticCredentialsProvider
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as Ram
from alibabacloud_sts20150401 import models as sts
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError
from darabonba.exceptions import DaraException

ACCOUNT, NUMBER = "000000000000", "1000000000000000"


@dataclass(frozen=True)
class Keys:
    """An access key; with a token, a temporary one."""

    id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True)
class Refused(Exception):
    """The server said no, in whichever words: `status` and the vendor's `code`."""

    status: int
    code: str


class Maker(Protocol):
    """One cloud, as the holder of some keys meets it. Names are bare; everything is of the first account."""

    def bucket(self, name: str) -> None: ...
    def put(self, bucket: str, key: str, data: bytes) -> None: ...
    def get(self, bucket: str, key: str) -> bytes: ...
    def list(self, bucket: str, prefix: str) -> list[str]: ...
    def link(self, bucket: str, key: str) -> str:
        """A signed URL to get an object by."""
        ...

    def user(self, name: str) -> Keys: ...
    def users(self) -> object: ...
    def policy(self, name: str, bucket: str, prefix: str) -> None:
        """A policy that allows to read one prefix of one bucket."""
        ...

    def replace(self, name: str, bucket: str, prefix: str) -> None:
        """Another version of it, in force."""
        ...

    def role(self, name: str, user: str) -> None:
        """A role that this user may take on."""
        ...

    def attach(self, policy: str, role: str) -> None: ...
    def assume(self, role: str) -> Keys: ...


class Aws:
    """boto3."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._url, self._keys, self._clients = url, keys, dict[str, Any]()

    def _client(self, name: str) -> Any:
        if name not in self._clients:
            client = _session().client(
                name,
                region_name="us-east-1",
                endpoint_url=self._url,
                aws_access_key_id=self._keys.id,
                aws_secret_access_key=self._keys.secret,
                aws_session_token=self._keys.token,
                config=BotoConfig(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            )
            self._clients[name] = _Calls(client)
        return self._clients[name]

    def bucket(self, name: str) -> None:
        self._client("s3").create_bucket(Bucket=name)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._client("s3").put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, bucket: str, key: str) -> bytes:
        return bytes(self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def list(self, bucket: str, prefix: str) -> list[str]:
        page = self._client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [each["Key"] for each in page.get("Contents", ())]

    def link(self, bucket: str, key: str) -> str:
        return str(self._client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}))

    def user(self, name: str) -> Keys:
        self._client("iam").create_user(UserName=name)
        made = self._client("iam").create_access_key(UserName=name)["AccessKey"]
        return Keys(made["AccessKeyId"], made["SecretAccessKey"])

    def users(self) -> object:
        return self._client("iam").list_users()

    def policy(self, name: str, bucket: str, prefix: str) -> None:
        self._client("iam").create_policy(PolicyName=name, PolicyDocument=self._document(bucket, prefix))

    def replace(self, name: str, bucket: str, prefix: str) -> None:
        document = self._document(bucket, prefix)
        self._client("iam").create_policy_version(PolicyArn=_policy(name), PolicyDocument=document, SetAsDefault=True)

    def role(self, name: str, user: str) -> None:
        trust = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{user}"}, "Action": "sts:AssumeRole"}
        self._client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=_written("2012-10-17", trust))

    def attach(self, policy: str, role: str) -> None:
        self._client("iam").attach_role_policy(RoleName=role, PolicyArn=_policy(policy))

    def assume(self, role: str) -> Keys:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        made = self._client("sts").assume_role(RoleArn=arn, RoleSessionName="night")["Credentials"]
        return Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def _document(self, bucket: str, prefix: str) -> str:
        return _written(
            "2012-10-17",
            {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{prefix}*"},
            {
                "Action": "s3:ListBucket",
                "Resource": f"arn:aws:s3:::{bucket}",
                "Condition": {"StringLike": {"s3:prefix": f"{prefix}*"}},
            },
        )


class Aliyun:
    """alibabacloud_oss_v2, alibabacloud_ram20150501 and alibabacloud_sts20150401."""

    def __init__(self, url: str, keys: Keys) -> None:
        settings = oss.config.load_default()
        settings.credentials_provider = StaticCredentialsProvider(keys.id, keys.secret, keys.token)
        settings.region, settings.endpoint, settings.use_path_style = "cn-hangzhou", url, True
        settings.retry_max_attempts = 1
        self._oss = _Calls(oss.Client(settings))
        config = Config(
            access_key_id=keys.id,
            access_key_secret=keys.secret,
            security_token=keys.token,
            endpoint=url.partition("://")[2],
            protocol="HTTP",
        )
        self._ram, self._sts = _Calls(Ram(config)), _Calls(Sts(config))

    def bucket(self, name: str) -> None:
        self._oss.put_bucket(oss.PutBucketRequest(bucket=name))

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._oss.put_object(oss.PutObjectRequest(bucket=bucket, key=key, body=data))

    def get(self, bucket: str, key: str) -> bytes:
        return bytes(self._oss.get_object(oss.GetObjectRequest(bucket=bucket, key=key)).body.read())

    def list(self, bucket: str, prefix: str) -> list[str]:
        page = self._oss.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket, prefix=prefix))
        return [each.key for each in page.contents or ()]

    def link(self, bucket: str, key: str) -> str:
        return str(self._oss.presign(oss.GetObjectRequest(bucket=bucket, key=key)).url)

    def user(self, name: str) -> Keys:
        self._ram.create_user(ram.CreateUserRequest(user_name=name))
        made = self._ram.create_access_key(ram.CreateAccessKeyRequest(user_name=name)).body.access_key
        return Keys(made.access_key_id, made.access_key_secret)

    def users(self) -> object:
        return self._ram.list_users(ram.ListUsersRequest())

    def policy(self, name: str, bucket: str, prefix: str) -> None:
        document = self._document(bucket, prefix)
        self._ram.create_policy(ram.CreatePolicyRequest(policy_name=name, policy_document=document))

    def replace(self, name: str, bucket: str, prefix: str) -> None:
        document = self._document(bucket, prefix)
        self._ram.create_policy_version(
            ram.CreatePolicyVersionRequest(policy_name=name, policy_document=document, set_as_default=True)
        )

    def role(self, name: str, user: str) -> None:
        trust = _written("1", {"Principal": {"RAM": [f"acs:ram::{NUMBER}:user/{user}"]}, "Action": "sts:AssumeRole"})
        self._ram.create_role(ram.CreateRoleRequest(role_name=name, assume_role_policy_document=trust))

    def attach(self, policy: str, role: str) -> None:
        self._ram.attach_policy_to_role(
            ram.AttachPolicyToRoleRequest(policy_type="Custom", policy_name=policy, role_name=role)
        )

    def assume(self, role: str) -> Keys:
        asked = sts.AssumeRoleRequest(role_arn=f"acs:ram::{NUMBER}:role/{role}", role_session_name="night")
        made = self._sts.assume_role(asked).body.credentials
        return Keys(made.access_key_id, made.access_key_secret, made.security_token)

    def _document(self, bucket: str, prefix: str) -> str:
        return _written(
            "1",
            {"Action": "oss:GetObject", "Resource": f"acs:oss:*:*:{bucket}/{prefix}*"},
            {
                "Action": "oss:ListObjects",
                "Resource": f"acs:oss:*:*:{bucket}",
                "Condition": {"StringLike": {"oss:Prefix": f"{prefix}*"}},
            },
        )


@functools.cache
def _session() -> boto3.Session:
    """One for all: it has read the models of the services."""
    return boto3.Session()


MAKERS = {"aws": Aws, "aliyun": Aliyun}


class _Calls:
    """An SDK's client whose refusals are all of one kind."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                raise Refused(status, error.response["Error"]["Code"]) from None
            except DaraException as error:
                raise Refused(int(error.status_code), str(error.code)) from None
            except oss.exceptions.OperationError as error:
                cause = error.unwrap()
                if isinstance(cause, oss.exceptions.ServiceError):
                    raise Refused(cause.status_code, cause.code) from None
                raise

        return call


def _policy(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:policy/{name}"


def _written(version: str, *statements: dict[str, Any]) -> str:
    return json.dumps({"Version": version, "Statement": [{"Effect": "Allow", **each} for each in statements]})
