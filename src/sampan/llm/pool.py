"""Texts from many askers through one embedding or ranking model, in steps that they share."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any

from sampan.llm.errors import AnswerError, BusyError, LlmError

STEP_TOKENS_MAX = 2048
WAITING_TEXTS_MAX = 100_000

Run = Callable[[Sequence[Sequence[int]]], Sequence[Any]]


class _Job:
    """The texts of one call, as tokens, and what has come of them."""

    def __init__(self, texts: Sequence[Sequence[int]]) -> None:
        self.texts = texts
        self.results: list[Any] = []
        self.taken = 0
        self.future: Future[list[Any]] = Future()


class Pool:
    """Runs a function over texts in a thread of its own. Every step takes texts from all who wait, in turn, so that a
    long list holds up nobody; one that is cancelled gives way after the step."""

    def __init__(self, run: Run, *, waiting_max: int = WAITING_TEXTS_MAX) -> None:
        """`run` makes one result of each text's tokens."""
        self._run, self._waiting_max = run, waiting_max
        self._jobs: deque[_Job] = deque()
        self._more = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="sampan-pool", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Calls that are not yet answered."""
        return len(self._jobs)

    def put(self, texts: Sequence[Sequence[int]]) -> Future[list[Any]]:
        """One result for each text, later. Cancel the future to give it up. Raises BusyError."""
        job = _Job(texts)
        with self._more:
            waiting = sum(len(one.texts) - one.taken for one in self._jobs)
            if waiting + len(texts) > self._waiting_max and self._jobs:
                raise BusyError(f"{waiting} texts are waiting already")
            if texts:
                self._jobs.append(job)
                self._more.notify()
            else:
                job.future.set_result([])
        return job.future

    def close(self) -> None:
        """Stop after the step that is running."""
        with self._more:
            self._closed = True
            self._more.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._more:
                while not self._jobs and not self._closed:
                    self._more.wait()
                if self._closed:
                    return
                step = self._next()
            if not step:
                continue
            try:
                results = self._run([text for _, text in step])
            except Exception as error:
                self._fail(step, error)
                continue
            for (job, _), result in zip(step, results, strict=True):
                job.results.append(result)
            self._finish()

    def _next(self) -> list[tuple[_Job, Sequence[int]]]:
        """Texts for a step, one from each job in turn."""
        step: list[tuple[_Job, Sequence[int]]] = []
        size = 0
        for job in [job for job in self._jobs if job.future.cancelled()]:
            self._jobs.remove(job)
        while any(job.taken < len(job.texts) for job in self._jobs):
            job = self._jobs[0]
            if job.taken < len(job.texts):
                text = job.texts[job.taken]
                if step and size + len(text) > STEP_TOKENS_MAX:
                    break
                job.taken += 1
                step.append((job, text))
                size += len(text)
            self._jobs.rotate(-1)
        return step

    def _finish(self) -> None:
        with self._more:
            for job in [job for job in self._jobs if len(job.results) == len(job.texts)]:
                self._jobs.remove(job)
                with contextlib.suppress(InvalidStateError):  # given up
                    job.future.set_result(job.results)

    def _fail(self, step: list[tuple[_Job, Sequence[int]]], error: Exception) -> None:
        told = error if isinstance(error, LlmError) else AnswerError(f"{type(error).__name__}: {error}")
        with self._more:
            for job in {id(job): job for job, _ in step}.values():
                self._jobs.remove(job)
                with contextlib.suppress(InvalidStateError):
                    job.future.set_exception(told)
