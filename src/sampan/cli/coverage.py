"""`python -m sampan.cli.coverage`: the page that says which of the vendors' operations Sampan does.

Made from the dialects' operation tables. A development tool, not a command of the program: it writes into a clone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sampan import app
from sampan.config import Config

PAGE = Path("docs/coverage.md")
TITLES = {
    "aws/s3": "Amazon S3",
    "aliyun/oss": "Alibaba Cloud OSS",
    "aws/iam": "AWS IAM",
    "aws/sts": "AWS STS",
    "aws/bedrock": "Amazon Bedrock",
    "aws/bedrock-runtime": "Amazon Bedrock Runtime",
    "aliyun/ram": "Alibaba Cloud RAM",
    "aliyun/sts": "Alibaba Cloud STS",
    "aliyun/dashscope": "Alibaba Cloud Model Studio (DashScope)",
    "open/anthropic": "Anthropic Messages",
    "open/openai": "OpenAI",
}

_HEAD = """\
# Coverage

Every operation of the APIs that Sampan speaks, by the vendors' names. What is not done answers with the vendor's
NotImplemented. Made by `python -m sampan.cli.coverage` from the operation tables in `src/sampan/dialects`.
"""


def page(config: Config) -> str:
    """The page as a whole."""
    texts = [_HEAD]
    rows = []
    for dialect in app.dialects(config):
        title = TITLES.get(dialect.name, dialect.name)
        done = sorted({operation.name for operation in dialect.operations if operation.bind is not None})
        left = sorted({operation.name for operation in dialect.operations} - set(done))
        rows.append(f"| {title} | {len(done)} | {len(done) + len(left)} |\n")
        texts.append(f"\n## {title}\n\n### Done\n\n{_listed(done)}\n### Not done yet\n\n{_listed(left)}")
    texts.insert(1, "\n| API | done | of |\n|---|---|---|\n" + "".join(rows))
    return "".join(texts)


def _listed(names: list[str]) -> str:
    return "".join(f"- {name}\n" for name in names) or "Nothing.\n"


if __name__ == "__main__":
    PAGE.write_text(page(Config()))
    sys.stdout.write(f"{PAGE} is up to date\n")
