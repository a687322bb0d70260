"""Runs the AWS command line again and again in one process, as `remote.py` asks: a start takes longer than a call."""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

from awscli.clidriver import create_clidriver


def run(words: list[str]) -> dict[str, Any]:
    """One command line: its exit code and what it prints."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.stdout, sys.stderr = out, err
    try:
        code = create_clidriver().main(words)
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    for stream in (out, err):
        stream.flush()
    printed = base64.b64encode(out.buffer.getvalue()).decode()
    return {"code": code, "out": {"$bytes": printed}, "err": err.buffer.getvalue().decode()}


def main() -> None:
    """Answer line by line until the input ends; the first line only says hello."""
    replies = sys.stdout
    replies.write(json.dumps({"result": sys.stdin.readline().strip()}) + "\n")
    replies.flush()
    for line in sys.stdin:
        replies.write(json.dumps({"result": run(json.loads(line)["args"])}) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
