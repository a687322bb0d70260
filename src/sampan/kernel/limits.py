"""A limit on everything, with the reason beside it."""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

KEY_BYTES_MAX = 1024  # S3's limit; OSS's is 1,023, checked in its dialect
OBJECT_BYTES_MAX = 5 * TIB  # S3: by multipart; OSS allows 48.8 TiB
PUT_BYTES_MAX = 5 * GIB  # one request's worth, in S3 and in OSS
APPEND_BYTES_MAX = 5 * GIB  # OSS: an appendable object as a whole
PART_BYTES_MIN = 5 * MIB  # S3: all parts but the last; OSS's 100 KiB is checked in its dialect
PARTS_MAX = 10_000  # S3 and OSS
META_BYTES_MAX = 2 * KIB  # S3: user metadata, names and values; OSS allows 8 KiB
TAGS_MAX = 10  # an object's
BUCKET_TAGS_MAX = 50
TAG_KEY_CHARS_MAX = 128
TAG_VALUE_CHARS_MAX = 256
BUCKETS_MAX = 10_000  # an account's: AWS's default quota since 2024
LIST_MAX = 1000  # rows in a page, whatever the client asks for
DELETE_BATCH_MAX = 1000

DOCUMENT_BYTES_MAX = 4 * MIB  # an XML or JSON body; 10,000 parts with checksums are about 2 MiB
HEADERS_BYTES_MAX = 32 * KIB  # all header lines of a request together
TARGET_BYTES_MAX = 16 * KIB  # path and query: a 1,024-byte key takes 3,072 escaped, presigned tokens 2,048

INLINE_BYTES_MAX = 64 * KIB  # objects up to this size live in the Store: one sync makes bytes and row durable
CHUNK_BYTES = 256 * KIB  # a step of streaming, in and out

CLOCK_SKEW_MS_MAX = 15 * 60 * 1000  # both clouds
PRESIGN_S_MAX = 7 * 24 * 3600  # both clouds, V4

ASK_BYTES_MAX = 32 * MIB  # what a model is asked: a million tokens are about 5 MiB, and pictures lie inside as text
FORM_HEAD_BYTES_MAX = 64 * KIB  # of a form: its fields before the file
FILE_BYTES_MAX = 512 * MIB  # a file for a batch or a training: OpenAI's limit
