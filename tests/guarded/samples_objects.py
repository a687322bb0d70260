"""What is sent for each operation of S3 and of OSS, and which permissions the vendors' pages say that it needs.

Sources: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations"; OSS, the section "Permissions" of
each operation's page.
"""

from __future__ import annotations

from tests.guarded.house import Sample, sample

_TAGS = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
_DELETE = "<Delete><Object><Key>a/1</Key></Object><Object><Key>a/2</Key></Object></Delete>"
_ON = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
_PARTS = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
_S3_POLICY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"{account}"},"Action":"s3:GetObject",'
    '"Resource":"arn:aws:s3:::books/*"}]}'
)
_OSS_POLICY = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Principal":["{number}"],"Action":["oss:GetObject"],'
    '"Resource":["acs:oss:*:{number}:books/*"]}]}'
)
_S3_BLOCK = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
_OSS_BLOCK = (
    "<PublicAccessBlockConfiguration><BlockPublicAccess>true</BlockPublicAccess></PublicAccessBlockConfiguration>"
)
_OWNED = "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
_PRIVATE = {"x-amz-acl": "private"}
_TAGGED = {"x-amz-copy-source": "/books/a/1"}
_OSS_TAGGED = {"x-oss-copy-source": "/books/a/1"}
_PART = "partNumber=1&uploadId={upload}"
_COPY = {"x-amz-copy-source": "/books/cold"}
_OSS_COPY = {"x-oss-copy-source": "/books/cold"}

S3: list[tuple[str, Sample]] = [
    ("ListBuckets", sample("GET /", "s3:ListAllMyBuckets *")),
    ("CreateBucket", sample("PUT /new", "s3:CreateBucket new")),
    ("HeadBucket", sample("HEAD /books", "s3:ListBucket books")),
    ("DeleteBucket", sample("DELETE /empty", "s3:DeleteBucket empty")),
    ("GetBucketLocation", sample("GET /books?location", "s3:GetBucketLocation books")),
    ("GetBucketVersioning", sample("GET /books?versioning", "s3:GetBucketVersioning books")),
    ("PutBucketVersioning", sample("PUT /books?versioning", "s3:PutBucketVersioning books", body=_ON)),
    ("GetBucketTagging", sample("GET /books?tagging", "s3:GetBucketTagging books")),
    ("PutBucketTagging", sample("PUT /books?tagging", "s3:PutBucketTagging books", body=_TAGS)),
    ("DeleteBucketTagging", sample("DELETE /books?tagging", "s3:PutBucketTagging books")),
    ("GetBucketAcl", sample("GET /books?acl", "s3:GetBucketAcl books")),
    ("PutBucketAcl", sample("PUT /books?acl", "s3:PutBucketAcl books", headers={"x-amz-acl": "private"})),
    ("GetBucketPolicy", sample("GET /ruled?policy", "s3:GetBucketPolicy ruled")),
    ("PutBucketPolicy", sample("PUT /books?policy", "s3:PutBucketPolicy books", body=_S3_POLICY)),
    ("DeleteBucketPolicy", sample("DELETE /ruled?policy", "s3:DeleteBucketPolicy ruled")),
    ("GetBucketPolicyStatus", sample("GET /ruled?policyStatus", "s3:GetBucketPolicyStatus ruled")),
    ("GetPublicAccessBlock", sample("GET /ruled?publicAccessBlock", "s3:GetBucketPublicAccessBlock ruled")),
    (
        "PutPublicAccessBlock",
        sample("PUT /books?publicAccessBlock", "s3:PutBucketPublicAccessBlock books", body=_S3_BLOCK),
    ),
    ("DeletePublicAccessBlock", sample("DELETE /ruled?publicAccessBlock", "s3:PutBucketPublicAccessBlock ruled")),
    ("GetBucketOwnershipControls", sample("GET /ruled?ownershipControls", "s3:GetBucketOwnershipControls ruled")),
    (
        "PutBucketOwnershipControls",
        sample("PUT /books?ownershipControls", "s3:PutBucketOwnershipControls books", body=_OWNED),
    ),
    ("DeleteBucketOwnershipControls", sample("DELETE /ruled?ownershipControls", "s3:PutBucketOwnershipControls ruled")),
    ("ListObjects", sample("GET /books", "s3:ListBucket books")),
    ("ListObjectsV2", sample("GET /books?list-type=2", "s3:ListBucket books")),
    ("ListObjectVersions", sample("GET /books?versions", "s3:ListBucketVersions books")),
    ("ListMultipartUploads", sample("GET /books?uploads", "s3:ListBucketMultipartUploads books")),
    (
        "DeleteObjects",
        sample("POST /books?delete", "s3:DeleteObject books/a/1", "s3:DeleteObject books/a/2", body=_DELETE),
    ),
    ("GetObject", sample("GET /books/a/1", "s3:GetObject books/a/1")),
    ("GetObject", sample("GET /books/a/1?versionId=null", "s3:GetObjectVersion books/a/1")),
    ("HeadObject", sample("HEAD /books/a/1", "s3:GetObject books/a/1")),
    ("HeadObject", sample("HEAD /books/a/1?versionId=null", "s3:GetObjectVersion books/a/1")),
    ("PutObject", sample("PUT /books/a/3", "s3:PutObject books/a/3", body="x")),
    (
        "PutObject",
        sample(
            "PUT /books/a/3",
            "s3:PutObject books/a/3",
            "s3:PutObjectTagging books/a/3",
            body="x",
            headers={"x-amz-tagging": "a=b"},
        ),
    ),
    ("CopyObject", sample("PUT /books/a/3", "s3:PutObject books/a/3", "s3:GetObject books/cold", headers=_COPY)),
    (
        "CopyObject",
        sample(
            "PUT /books/a/3",
            "s3:PutObject books/a/3",
            "s3:GetObject books/a/1",
            "s3:GetObjectTagging books/a/1",
            "s3:PutObjectTagging books/a/3",
            headers=_TAGGED,
        ),
    ),
    (
        "CopyObject",
        sample(
            "PUT /books/a/3",
            "s3:PutObject books/a/3",
            "s3:GetObjectVersion books/a/1",
            "s3:GetObjectVersionTagging books/a/1",
            "s3:PutObjectTagging books/a/3",
            headers={"x-amz-copy-source": "/books/a/1?versionId=null"},
        ),
    ),
    (
        "PutObject",
        sample(
            "PUT /books/a/3",
            "s3:PutObject books/a/3",
            "s3:PutObjectAcl books/a/3",
            body="x",
            headers={"x-amz-acl": "public-read"},
        ),
    ),
    (
        "CreateBucket",
        sample("PUT /new", "s3:CreateBucket new", "s3:PutBucketAcl new", headers={"x-amz-acl": "public-read"}),
    ),
    ("GetObject", sample("GET /books/a/link", "s3:GetObject books/a/link", "s3:GetObject books/a/1")),
    ("PutObjectAcl", sample("PUT /books/a/1?acl&versionId=null", "s3:PutObjectVersionAcl books/a/1", headers=_PRIVATE)),
    ("DeleteObject", sample("DELETE /books/a/1", "s3:DeleteObject books/a/1")),
    ("DeleteObject", sample("DELETE /books/a/1?versionId=null", "s3:DeleteObjectVersion books/a/1")),
    (
        "GetObjectAttributes",
        sample("GET /books/a/1?attributes", "s3:GetObject books/a/1", headers={"x-amz-object-attributes": "ETag"}),
    ),
    ("GetObjectTagging", sample("GET /books/a/1?tagging", "s3:GetObjectTagging books/a/1")),
    ("GetObjectTagging", sample("GET /books/a/1?tagging&versionId=null", "s3:GetObjectVersionTagging books/a/1")),
    ("PutObjectTagging", sample("PUT /books/a/1?tagging", "s3:PutObjectTagging books/a/1", body=_TAGS)),
    ("DeleteObjectTagging", sample("DELETE /books/a/1?tagging", "s3:DeleteObjectTagging books/a/1")),
    ("GetObjectAcl", sample("GET /books/a/1?acl", "s3:GetObjectAcl books/a/1")),
    ("PutObjectAcl", sample("PUT /books/a/1?acl", "s3:PutObjectAcl books/a/1", headers={"x-amz-acl": "private"})),
    ("CreateMultipartUpload", sample("POST /books/up?uploads", "s3:PutObject books/up")),
    ("UploadPart", sample(f"PUT /books/up?{_PART}", "s3:PutObject books/up", body="x")),
    (
        "UploadPartCopy",
        sample(f"PUT /books/up?{_PART}", "s3:PutObject books/up", "s3:GetObject books/cold", headers=_COPY),
    ),
    ("ListParts", sample("GET /books/up?uploadId={upload}", "s3:ListMultipartUploadParts books/up")),
    ("AbortMultipartUpload", sample("DELETE /books/up?uploadId={upload}", "s3:AbortMultipartUpload books/up")),
    ("CompleteMultipartUpload", sample("POST /books/up?uploadId={upload}", "s3:PutObject books/up", body=_PARTS)),
]

OSS: list[tuple[str, Sample]] = [
    ("ListBuckets", sample("GET /", "oss:ListBuckets *")),
    ("PutBucket", sample("PUT /new", "oss:PutBucket new")),
    ("DeleteBucket", sample("DELETE /empty", "oss:DeleteBucket empty")),
    ("GetBucketInfo", sample("GET /books?bucketInfo", "oss:GetBucketInfo books")),
    ("GetBucketLocation", sample("GET /books?location", "oss:GetBucketLocation books")),
    ("GetBucketStat", sample("GET /books?stat", "oss:GetBucketStat books")),
    ("GetBucketAcl", sample("GET /books?acl", "oss:GetBucketAcl books")),
    ("PutBucketAcl", sample("PUT /books?acl", "oss:PutBucketAcl books", headers={"x-oss-acl": "private"})),
    ("GetBucketPolicy", sample("GET /ruled?policy", "oss:GetBucketPolicy ruled")),
    ("PutBucketPolicy", sample("PUT /books?policy", "oss:PutBucketPolicy books", body=_OSS_POLICY)),
    ("DeleteBucketPolicy", sample("DELETE /ruled?policy", "oss:DeleteBucketPolicy ruled")),
    ("GetBucketVersioning", sample("GET /books?versioning", "oss:GetBucketVersioning books")),
    ("PutBucketVersioning", sample("PUT /books?versioning", "oss:PutBucketVersioning books", body=_ON)),
    ("GetBucketTags", sample("GET /books?tagging", "oss:GetBucketTagging books")),
    ("PutBucketTags", sample("PUT /books?tagging", "oss:PutBucketTagging books", body=_TAGS)),
    ("DeleteBucketTags", sample("DELETE /books?tagging", "oss:DeleteBucketTagging books")),
    ("GetBucketPolicyStatus", sample("GET /ruled?policyStatus", "oss:GetBucketPolicyStatus ruled")),
    ("GetBucketPublicAccessBlock", sample("GET /ruled?publicAccessBlock", "oss:GetBucketPublicAccessBlock ruled")),
    (
        "PutBucketPublicAccessBlock",
        sample("PUT /books?publicAccessBlock", "oss:PutBucketPublicAccessBlock books", body=_OSS_BLOCK),
    ),
    (
        "DeleteBucketPublicAccessBlock",
        sample("DELETE /ruled?publicAccessBlock", "oss:DeleteBucketPublicAccessBlock ruled"),
    ),
    ("ListObjects", sample("GET /books", "oss:ListObjects books")),
    ("ListObjectsV2", sample("GET /books?list-type=2", "oss:ListObjects books")),
    ("ListObjectVersions", sample("GET /books?versions", "oss:ListObjectVersions books")),
    ("ListMultipartUploads", sample("GET /books?uploads", "oss:ListMultipartUploads books")),
    (
        "DeleteMultipleObjects",
        sample("POST /books?delete", "oss:DeleteObject books/a/1", "oss:DeleteObject books/a/2", body=_DELETE),
    ),
    ("CopyObject", sample("PUT /books/a/3", "oss:PutObject books/a/3", "oss:GetObject books/cold", headers=_OSS_COPY)),
    ("PutObject", sample("PUT /books/a/3", "oss:PutObject books/a/3", body="x")),
    (
        "PutObject",
        sample(
            "PUT /books/a/3",
            "oss:PutObject books/a/3",
            "oss:PutObjectTagging books/a/3",
            body="x",
            headers={"x-oss-tagging": "a=b"},
        ),
    ),
    ("AppendObject", sample("POST /books/log?append&position=1", "oss:PutObject books/log", body="x")),
    (
        "PutSymlink",
        sample("PUT /books/a/3?symlink", "oss:PutObject books/a/3", headers={"x-oss-symlink-target": "a/1"}),
    ),
    ("GetObject", sample("GET /books/a/1", "oss:GetObject books/a/1")),
    ("GetObject", sample("GET /books/a/1?versionId=null", "oss:GetObjectVersion books/a/1")),
    ("HeadObject", sample("HEAD /books/a/1", "oss:GetObject books/a/1")),
    ("GetObjectMeta", sample("HEAD /books/a/1?objectMeta", "oss:GetObject books/a/1")),
    ("GetSymlink", sample("GET /books/a/link?symlink", "oss:GetObject books/a/link")),
    (
        "CopyObject",
        sample(
            "PUT /books/a/3",
            "oss:PutObject books/a/3",
            "oss:GetObject books/a/1",
            "oss:GetObjectTagging books/a/1",
            "oss:PutObjectTagging books/a/3",
            headers=_OSS_TAGGED,
        ),
    ),
    ("GetObject", sample("GET /books/a/link", "oss:GetObject books/a/link", "oss:GetObject books/a/1")),
    ("HeadObject", sample("HEAD /books/a/link", "oss:GetObject books/a/link", "oss:GetObject books/a/1")),
    ("DeleteObject", sample("DELETE /books/a/1", "oss:DeleteObject books/a/1")),
    ("DeleteObject", sample("DELETE /books/a/1?versionId=null", "oss:DeleteObjectVersion books/a/1")),
    ("GetObjectAcl", sample("GET /books/a/1?acl", "oss:GetObjectAcl books/a/1")),
    (
        "PutObjectAcl",
        sample("PUT /books/a/1?acl", "oss:PutObjectAcl books/a/1", headers={"x-oss-object-acl": "private"}),
    ),
    ("GetObjectTagging", sample("GET /books/a/1?tagging", "oss:GetObjectTagging books/a/1")),
    ("PutObjectTagging", sample("PUT /books/a/1?tagging", "oss:PutObjectTagging books/a/1", body=_TAGS)),
    ("DeleteObjectTagging", sample("DELETE /books/a/1?tagging", "oss:DeleteObjectTagging books/a/1")),
    ("RestoreObject", sample("POST /books/cold?restore", "oss:RestoreObject books/cold")),
    ("InitiateMultipartUpload", sample("POST /books/up?uploads", "oss:PutObject books/up")),
    (
        "UploadPartCopy",
        sample(f"PUT /books/up?{_PART}", "oss:PutObject books/up", "oss:GetObject books/cold", headers=_OSS_COPY),
    ),
    ("UploadPart", sample(f"PUT /books/up?{_PART}", "oss:PutObject books/up", body="x")),
    ("CompleteMultipartUpload", sample("POST /books/up?uploadId={upload}", "oss:PutObject books/up", body=_PARTS)),
    ("AbortMultipartUpload", sample("DELETE /books/up?uploadId={upload}", "oss:AbortMultipartUpload books/up")),
    ("ListParts", sample("GET /books/up?uploadId={upload}", "oss:ListParts books/up")),
]
