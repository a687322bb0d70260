"""The engine: requests in, steps, updates out. `add` and `step` are all of it; `generate` is for asyncio."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sampan.llm import contract, loader, memory, native, sampler, speculate
from sampan.llm.adapters import Adapters
from sampan.llm.answer import Answer
from sampan.llm.beams import Beams
from sampan.llm.blocks import Blocks
from sampan.llm.errors import BusyError, LlmError, PromptError, RequestError, UnsupportedError
from sampan.llm.metrics import PHASES, Metrics, Step
from sampan.llm.models.decoder import Decoder
from sampan.llm.models.layers import linear
from sampan.llm.request import TENANT_CHARACTERS_MAX, Logprob, Request, Update, joined
from sampan.llm.runner import Runner
from sampan.llm.scheduler import Scheduler, Work
from sampan.llm.sequence import Sequence
from sampan.llm.text import Text


@dataclass(frozen=True, slots=True)
class Options:
    """How an engine uses its machine."""

    block_tokens: int = 16
    cache_bytes: int | None = None  # None: half of the memory at hand
    cache_dtype: str = "auto"  # auto: the model's own; int8: twice the tokens of bfloat16, nearly the same answers
    length_max: int | None = None  # tokens of one text; None: the model's positions, or what the cache holds
    step_tokens_max: int = 512  # longer steps read weights less often, shorter ones keep others waiting less
    sequences_max: int = 64
    waiting_max: int = 1024
    draft_tokens: int = (
        0  # guesses per step from the draft model or the text itself; 0: none, or DRAFT_TOKENS of a model
    )
    draft_sequences_max: int = 4  # with more running, guesses cost more than they bring
    seed: int | None = None  # for requests without one; None: from the system


DRAFT_TOKENS = 4  # as many as are still often right
_NOT_FINITE = "the model's output is not finite"


@dataclass(slots=True)
class _Group:
    """All answers of one request."""

    request: Request
    answers: list[Answer]
    beams: Beams | None = None
    adapter: str | None = None  # held for it
    held: list[Update] = field(default_factory=list)  # best_of: until all are done


class Engine:
    """Answers many requests at once over one model.

    `add` and `cancel` may be called from any thread and never wait for a step; one thread at a time runs `step`.
    """

    def __init__(
        self,
        model: Decoder | contract.Runner,
        *,
        text: Text | None = None,
        adapters: Adapters | None = None,
        draft: Decoder | None = None,
        options: Options | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`draft` is a smaller model that guesses ahead."""
        self.model = model
        self.text, self.options = text, options or Options()
        self.runner = _runner(model, self.options.cache_dtype)
        self.traits = self.runner.traits
        helper = None if draft is None else Runner(draft, rounded=self.options.cache_dtype == "int8")
        if helper is not None and not self.traits.paged:
            raise UnsupportedError("a draft model needs a model that the library runs itself")
        self.adapters = adapters or Adapters(model if isinstance(model, Decoder) else None)
        self.metrics = Metrics(clock())
        self._clock = clock
        self.watch: Callable[[Step], None] | None = None  # is told of every step, for profiles
        self._chance = random.Random(self.options.seed)
        size = self.options.block_tokens
        budget = self.options.cache_bytes
        if budget is None:
            budget = int(memory.available_bytes(self.runner.device) * memory.CACHE_SHARE)
        sequences, tokens = memory.plan(
            budget,
            token_bytes=self.traits.token_bytes + (helper.traits.token_bytes if helper else 0),
            sequence_bytes=self.traits.sequence_bytes,
            sequences_max=self.options.sequences_max,
            longest=-(-self.traits.room // size) * size,
        )
        count = max(tokens // size, 1)
        self.length_max = min(self.options.length_max or self.traits.room, self.traits.room, count * size)
        self.blocks = Blocks(count, size)
        self.scheduler = Scheduler(
            self.blocks,
            step_tokens_max=self.options.step_tokens_max,
            sequences_max=sequences,
            paged=self.traits.paged,
            whole=self.traits.whole,
        )
        self.runner.reserve(count, size)
        wanted = self.options.draft_tokens or (DRAFT_TOKENS if draft else 0)
        self._draft_tokens = wanted if self.traits.paged else 0  # wrong ones must be taken back
        self._guesses: speculate.Guesses = speculate.LookUp()
        if helper is not None:
            helper.reserve(count, size)
            self._guesses = speculate.Draft(helper, self.blocks, self.traits.vocabulary)
        self._end_tokens = frozenset((*self.traits.end_tokens, *(text.end_tokens if text else ())))
        self._inbox: deque[tuple[int, Request | None]] = deque()
        self._groups: dict[int, _Group] = {}
        self._of: dict[Sequence, Answer] = {}
        self._count = 0
        self._arrivals = 0
        self._stepping = threading.Lock()
        self._adding = threading.Lock()
        self._queues: dict[int, asyncio.Queue[Update]] = {}
        self._driver: asyncio.Task[None] | None = None

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        dtype: str = "auto",
        device: str = "cpu",
        form: loader.Form = linear,
        draft: str | Path | None = None,
        options: Options | None = None,
        progress: loader.Progress | None = None,
    ) -> Engine:
        """An engine over the model in `folder`, with its tokenizer if it has one; one that the library does not know is
        run by transformers, if that is installed. `draft` is the folder of a smaller model that guesses ahead.
        Raises ModelError."""
        model = loader.open_any(folder, dtype=dtype, device=device, form=form, progress=progress)
        vocabulary = model.config.vocabulary if isinstance(model, Decoder) else model.traits.vocabulary
        helper = None if draft is None else loader.load(draft, dtype=dtype, device=device, form=form)
        return cls(model, text=loader.text(folder, vocabulary), draft=helper, options=options)

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._inbox or self._groups)

    @property
    def open(self) -> int:
        """Requests that are not yet answered."""
        return len(self._inbox) + len(self._groups)

    def knows(self, request_id: int) -> bool:
        """Whether a request is still to be answered."""
        return request_id in self._groups or any(one == request_id for one, _ in list(self._inbox))

    def add(self, request: Request) -> int:
        """Accept a request and return its id; its updates come out of `step`.

        Raises RequestError if it can never be answered, BusyError if too many wait.
        """
        self._check(request)
        with self._adding:
            self._check_room(request.tenant)
            self._count += 1
            request_id = self._count
            self._inbox.append((request_id, request))
        return request_id

    def cancel(self, request_id: int) -> None:
        """Stop a request and free what it holds: at once, or right after the step that is running."""
        self._inbox.append((request_id, None))
        if self._stepping.acquire(blocking=False):
            try:
                self._take_inbox()
            finally:
                self._stepping.release()

    def step(self) -> list[Update]:
        """Run the model once over what is most urgent, and return what came of it."""
        with self._stepping:
            marks = [self._clock()]
            self._take_inbox()
            self._expire(marks[0])
            work = self.scheduler.schedule()
            marks.append(self._clock())
            if work:
                hidden = self._compute(work)
                marks.append(self._clock())
                self._settle(work, hidden)
            marks.append(self._clock())
            updates = self._collect()
            marks.append(self._clock())
            self._measure(work, updates, marks)
            return updates

    def run(self, requests: Iterable[Request]) -> list[list[Update]]:
        """Answer all requests, and return for each its answers, whole. Raises what `add` raises."""
        ids = [self.add(request) for request in requests]
        gathered: dict[int, dict[int, list[Update]]] = {one: {} for one in ids}
        while self.busy:
            for update in self.step():
                gathered.setdefault(update.request_id, {}).setdefault(update.index, []).append(update)
        return [[joined(parts) for _, parts in sorted(gathered[one].items())] for one in ids]

    async def generate(self, request: Request) -> AsyncIterator[Update]:
        """The updates of one request as they come. Leaving early cancels it."""
        request_id = self.add(request)
        queue = self._queues[request_id] = asyncio.Queue()
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive())
        left = request.sampling.n
        try:
            while left:
                update = await queue.get()
                left -= update.finished is not None
                yield update
        finally:
            del self._queues[request_id]
            if left:
                self.cancel(request_id)

    async def _drive(self) -> None:
        """Steps in a thread while there is work, so that the event loop never waits for the model."""
        while self.busy:
            try:
                updates = await asyncio.to_thread(self.step)
            except Exception as error:
                self._fail(error)
                raise
            for update in updates:
                queue = self._queues.get(update.request_id)
                if queue is not None:
                    queue.put_nowait(update)

    def _fail(self, error: Exception) -> None:
        """A step broke: nobody may wait for ever."""
        for request_id, queue in self._queues.items():
            group = self._groups.get(request_id)
            for index in range(group.request.sampling.n if group else 1):
                queue.put_nowait(Update(request_id, index, finished="error", why=f"{type(error).__name__}: {error}"))

    def _check(self, request: Request) -> None:
        sampling, prompt = request.sampling, request.prompt
        sampling.check()
        if not prompt:
            raise RequestError("the prompt is empty", field="prompt")
        if request.tenant is not None and len(request.tenant) > TENANT_CHARACTERS_MAX:
            raise RequestError(f"a tenant's name has at most {TENANT_CHARACTERS_MAX} characters")
        if len(prompt) >= self.length_max:
            raise PromptError(len(prompt), self.length_max - 1)
        if min(prompt) < 0 or max(prompt) >= self.traits.vocabulary:
            most = self.traits.vocabulary - 1
            raise RequestError(f"the prompt holds tokens outside of 0 to {most}", field="prompt")
        if self.text is None and (sampling.stop or sampling.grammar is not None):
            raise RequestError("stop strings and grammars need a tokenizer, and this model has none")
        if not self.traits.generates:
            raise RequestError("this model embeds; it does not generate")
        if request.adapter is not None:
            self.adapters.check(request.adapter)

    def _check_room(self, tenant: str | None) -> None:
        """Raises BusyError if too many wait. Of the second half of the queue a tenant gets no more than a fair share of
        the whole, so that one who floods it finds it full before others do."""
        most = self.options.waiting_max
        waiting = len(self._inbox) + len(self.scheduler.waiting)
        if waiting >= most:
            raise BusyError(f"{most} requests are waiting already")
        if tenant is None or 2 * waiting < most:
            return
        here = [request.tenant for _, request in list(self._inbox) if request is not None]
        here += [sequence.request.tenant for sequence in list(self.scheduler.waiting)]
        share = most // (len({*here, tenant}) + 1)
        if here.count(tenant) >= share:
            raise BusyError(f"{here.count(tenant)} requests of this tenant are waiting already")

    # --- between steps -------------------------------------------------------------------------------------------

    def _take_inbox(self) -> None:
        while self._inbox:
            request_id, request = self._inbox.popleft()
            if request is not None:
                self._open(request_id, request)
            elif request_id in self._groups:
                self._end_group(self._groups[request_id], "cancelled")

    def _open(self, request_id: int, request: Request) -> None:
        sampling = request.sampling
        seed = self._chance.getrandbits(63) if sampling.seed is None else sampling.seed
        group = _Group(request, [])
        self._groups[request_id] = group
        if sampling.beams:
            group.beams = Beams(sampling, self._end_tokens)
        try:
            if request.adapter is not None:
                self.adapters.hold(request.adapter)
                group.adapter = request.adapter
            trouble = ""
        except LlmError as error:  # found only now that its files are read
            trouble = str(error)
        count = 1 if sampling.beams else sampling.best_of or sampling.n
        for index in range(count):
            # Answers of one request differ; the first is the one that a single answer would be.
            self._start(group, self._sequence(request_id, request, index, seed + index * 0x9E3779B9), trouble)

    def _sequence(self, request_id: int, request: Request, index: int, seed: int) -> Sequence:
        limit = self.length_max if self.traits.paged else 0
        kind: tuple[object, ...] = (self.adapters.version(request.adapter),)
        edge = self.traits.stretched_from
        if edge is not None:  # keys depend on the prompt's length once it exceeds the trained one
            limit = max(edge, len(request.prompt))
            kind += (len(request.prompt) if len(request.prompt) > edge else 0,)
        self._arrivals += 1
        deadline = None if request.deadline_s is None else self._clock() + request.deadline_s
        return Sequence(
            request,
            request_id=request_id,
            index=index,
            arrival=self._arrivals,
            seed=seed,
            root=self.blocks.root(kind),
            shared_limit=limit,
            length_max=self.length_max,
            deadline=deadline,
        )

    def _start(self, group: _Group, sequence: Sequence, trouble: str) -> None:
        sampling = sequence.request.sampling
        stream = self.text.stream(sampling.stop) if self.text is not None else None
        answer = Answer(sequence, stream=stream, end_tokens=self._end_tokens)
        group.answers.append(answer)
        self._of[sequence] = answer
        if sampling.grammar is not None and self.text is not None:
            try:
                answer.follow(self.text.grammars().matcher(sampling.grammar))
            except RequestError as error:
                trouble = trouble or str(error)
        if trouble:
            answer.give_up("refused", trouble)
            if group.beams is not None:
                group.beams.stop("refused", trouble)
        else:
            self.scheduler.add(sequence)

    def _expire(self, now: float) -> None:
        for sequence in [*self.scheduler.running, *self.scheduler.waiting]:
            if sequence.deadline is not None and sequence.deadline <= now:
                group = self._groups.get(sequence.request_id)
                if group is not None:
                    self._end_group(group, "deadline")

    def _end_group(self, group: _Group, reason: str) -> None:
        if group.beams is not None:
            group.beams.stop(reason)
        for answer in group.answers:
            answer.give_up(reason)
            self.scheduler.remove(answer.sequence)

    # --- a step --------------------------------------------------------------------------------------------------

    def _compute(self, work: list[Work]) -> Any:
        """The model's states of the step's tokens."""
        tweak = self.adapters.tweak([(item.sequence.request.adapter, item.count) for item in work])
        return self.runner.hidden(work, tweak)

    def _settle(self, work: list[Work], hidden: Any) -> None:
        """From states to tokens."""
        if self._draft_tokens:
            self._guesses.follow(work)
        for item, sound in zip(work, self.runner.sound(hidden, work), strict=True):
            if not sound and not item.sequence.draft:  # with guesses, perhaps by one of them: once more without
                self._give_up(item.sequence)
        self._prompt_logprobs(work, hidden)
        wanted: list[int] = []
        owners: list[tuple[Sequence, int, int]] = []
        start = 0
        for item in work:
            sequence, count = item.sequence, item.count
            first = sequence.pending - 1
            for row in range(first, count):
                wanted.append(start + row)
                owners.append((sequence, row - first, len(sequence.tokens)))
            start += count
        lengths = {item.sequence: len(item.sequence.tokens) for item in work}
        self._choose(hidden, wanted, owners)
        for item in work:
            self._advance(item, lengths[item.sequence])
        for group in {item.sequence.request_id: self._groups[item.sequence.request_id] for item in work}.values():
            if group.beams is not None:
                self._advance_beams(group)
        if self._draft_tokens and len(self.scheduler.running) <= self.options.draft_sequences_max:
            self._guess([item.sequence for item in work if len(item.sequence.tokens) > lengths[item.sequence]])

    def _give_up(self, sequence: Sequence) -> None:
        """Its states are not numbers: its request ends, before others find them in the cache."""
        self._of[sequence].give_up("error", _NOT_FINITE)
        beams = self._groups[sequence.request_id].beams
        if beams is not None:
            beams.stop("error", _NOT_FINITE)

    def _guess(self, sequences: list[Sequence]) -> None:
        """Guesses for those that the step has brought a token, and that go on."""
        wanted: list[tuple[Sequence, int]] = []
        for sequence in sequences:
            answer = self._of.get(sequence)
            beams = self._groups[sequence.request_id].beams
            if answer is not None and answer.finished is None and beams is None and sequence.pending == 1:
                wanted.append((sequence, min(self._draft_tokens, sequence.length_max - len(sequence.tokens) - 1)))
        self._guesses.propose(wanted)

    def _choose(self, hidden: Any, wanted: list[int], owners: list[tuple[Sequence, int, int]]) -> None:
        """Tokens from rows of logits; of guessed rows, those that follow a right guess."""
        at = 0
        for logits in self.runner.logits(hidden, wanted):
            picks, sound = native.likeliest(logits)
            for row in range(logits.shape[0]):
                sequence, guess, length = owners[at]
                at += 1
                answer = self._of[sequence]
                beams = self._groups[sequence.request_id].beams
                if beams is None and (answer.finished is not None or not sequence.follows(length, guess)):
                    continue  # what follows a wrong guess says nothing
                if not sound[row] and sequence.draft:
                    continue
                if not sound[row]:
                    self._give_up(sequence)
                elif beams is not None:
                    beams.collect(sequence, logits[row])
                else:
                    try:
                        answer.take(logits[row], picks[row])
                    except RequestError as error:
                        answer.give_up("error", str(error))

    def _advance(self, item: Work, length: int) -> None:
        """Book what the step computed. `length` is how many tokens there were before it."""
        sequence, answer = item.sequence, self._of[item.sequence]
        if sequence.computed + item.count < length:
            sequence.computed += item.count
        else:
            fresh = len(sequence.tokens) - length
            self.metrics.guessed(len(sequence.draft), max(fresh - 1, 0))
            sequence.computed = length + (fresh - 1 if sequence.draft else max(fresh - 1, 0))
        sequence.draft = []
        if answer.finished == "error":  # what it computed is not for others to find
            self.scheduler.remove(sequence)
            return
        sequence.enter(self.blocks)
        if answer.finished is not None:
            self.scheduler.remove(sequence)

    def _prompt_logprobs(self, work: list[Work], hidden: Any) -> None:
        start = 0
        for item in work:
            sequence, alternatives = item.sequence, item.sequence.request.sampling.prompt_logprobs
            first, end = sequence.computed, min(sequence.computed + item.count, sequence.prompt_length - 1)
            reading = len(sequence.tokens) == sequence.prompt_length and self._of[sequence].finished is None
            if alternatives is not None and reading:
                entries: list[Logprob] = []
                position = first
                for logits in self.runner.logits(hidden, range(start, start + end - first)):
                    for row in logits:
                        position += 1
                        entries.append(sampler.report(row, sequence.tokens[position], alternatives))
                self._of[sequence].note_prompt(first + 1, entries)
            start += item.count

    def _advance_beams(self, group: _Group) -> None:
        """When all beams of a request have a row, some go on, some split and some end."""
        assert group.beams is not None
        live = [answer.sequence for answer in group.answers]
        change = group.beams.advance(live)
        if change is None:
            return
        for parent, token in change.forks:
            child = self._sequence(parent.request_id, parent.request, 0, parent.seed)
            child.tokens = [*parent.tokens, token]
            copy = self.scheduler.fork(parent, child)
            if copy is not None:
                self.runner.copy_block(*copy)
                if self._draft_tokens:
                    self._guesses.copy_block(*copy)
            answer = Answer(child, stream=None, end_tokens=self._end_tokens)
            self._of[child] = answer
            group.answers.append(answer)
        for sequence, token in change.grown:
            sequence.tokens.append(token)
        for sequence in change.ended:
            self.scheduler.remove(sequence)
            group.answers.remove(self._of.pop(sequence))

    # --- after a step --------------------------------------------------------------------------------------------

    def _collect(self) -> list[Update]:
        updates: list[Update] = []
        for request_id, group in list(self._groups.items()):
            if group.beams is not None:
                fresh = group.beams.updates([answer.sequence for answer in group.answers], self.text)
                done = bool(fresh)
            else:
                fresh = [one for one in (answer.update() for answer in group.answers) if one is not None]
                done = all(answer.finished is not None for answer in group.answers)
                if group.request.sampling.best_of:
                    group.held += fresh
                    fresh = best(group.answers, group.held, group.request.sampling.n) if done else []
            updates += fresh
            if done:
                self._close(request_id, group)
        return updates

    def _close(self, request_id: int, group: _Group) -> None:
        for answer in group.answers:
            self.scheduler.remove(answer.sequence)
            self._of.pop(answer.sequence, None)
        if group.adapter is not None:
            self.adapters.release(group.adapter)
        del self._groups[request_id]

    def _measure(self, work: list[Work], updates: list[Update], marks: list[float]) -> None:
        computed = sum(item.count for item in work)
        answered = sum(len(update.tokens) for update in updates)
        self.metrics.step(
            seconds=marks[-1] - marks[0],
            computed=computed,
            answered=answered,
            finished=sum(update.finished is not None for update in updates),
            running=len(self.scheduler.running),
            waiting=len(self.scheduler.waiting) + len(self._inbox),
            blocks_held=self.blocks.count - self.blocks.free,
            blocks=self.blocks.count,
            preemptions=self.scheduler.preemptions,
        )
        if self.watch is not None:
            spent = [later - earlier for earlier, later in itertools.pairwise(marks)]
            phases = PHASES if work else (PHASES[0], PHASES[-1], PHASES[-1])
            seconds = dict.fromkeys(PHASES, 0.0)
            for phase, one in zip(phases, spent, strict=True):
                seconds[phase] += one
            now = self.metrics
            self.watch(Step(now.steps, seconds, computed, answered, now.running, now.waiting))


def best(answers: list[Answer], held: list[Update], count: int) -> list[Update]:
    """The `count` likeliest answers, whole, numbered anew."""
    ranked = sorted(answers, key=lambda answer: -answer.likelihood)[:count]
    whole = [joined([one for one in held if one.index == answer.sequence.index]) for answer in ranked]
    return [replace(update, index=index) for index, update in enumerate(whole)]


def _runner(model: Decoder | contract.Runner, cache_dtype: str) -> contract.Runner:
    if cache_dtype not in ("auto", "int8"):
        raise UnsupportedError(f"cache_dtype must be auto or int8, not {cache_dtype!r}")
    if isinstance(model, Decoder):
        return Runner(model, rounded=cache_dtype == "int8")
    if cache_dtype != "auto":
        raise UnsupportedError("a model that transformers runs keeps its state in its own type")
    return model
