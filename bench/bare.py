"""The engine by itself, in a process of its own: what a server adds is measured against this.

    python -m bench.bare FOLDER THREADS

Each line of standard input is `STREAMS WORDS TOKENS`: so many questions at once, each of so many words, each with an
answer of so many tokens. The line that comes back tells the seconds until the first answer had begun, and until all had
ended.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sampan.llm import quantise
from sampan.llm.engine import Engine, Options
from sampan.llm.server import SWITCH_S
from sampan.llm.talk import Talk
from sampan.llm.values import Ask, Message, Part, Wishes

CACHE_BYTES = 1 << 30
_serial = iter(range(1 << 62))


def question(number: int, words: int) -> str:
    """A question that no other begins like, so that no cache helps any server."""
    return f"{number} " + " ".join(f"w{(number * 7919 + place) % 997}" for place in range(words))


def wave(talk: Talk, streams: int, words: int, tokens: int) -> tuple[float, float]:
    """Ask them all, and step until all are answered."""
    wishes = Wishes(temperature=0, tokens_max=tokens, ignore_end=True)
    asks = [
        Ask(messages=(Message("user", (Part(text=question(next(_serial), words)),)),), sampling=wishes)
        for _ in range(streams)
    ]
    first, said, began = 0.0, 0, time.perf_counter()
    for ask in asks:
        talk.engine.add(talk.prepare(ask).request)
    while talk.engine.busy:
        for update in talk.engine.step():
            said += len(update.tokens)
            first = first or time.perf_counter() - began
    assert said == streams * tokens, said
    return first, time.perf_counter() - began


def main() -> None:
    import torch

    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    sys.setswitchinterval(SWITCH_S)
    options = Options(cache_bytes=CACHE_BYTES)
    talk = Talk(Engine.load(folder, form=quantise.FORMS["auto"], options=options), folder)
    print("ready", flush=True)
    for line in sys.stdin:
        print(*wave(talk, *map(int, line.split())), flush=True)


if __name__ == "__main__":
    main()
