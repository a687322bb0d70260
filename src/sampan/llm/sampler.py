"""Choosing the next token from a row of logits.

A choice needs one uniform number, made from the request's seed and the answer's position alone: what else is in the
batch, how the work was cut, and whether the token was guessed beforehand cannot change it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence as Items

import torch
from torch import Tensor

from sampan.llm.request import Logprob, Sampling
from sampan.llm.sequence import Sequence

CANDIDATES = 256  # enough for nearly every top-p; if not, the whole row is sorted
_MASK = (1 << 64) - 1


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) from two whole numbers: SplitMix64's mixing (Steele, Lea and Flood, 2014)."""
    z = (seed * 0x9E3779B97F4A7C15 + position * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = ((z ^ (z >> shift)) * factor) & _MASK
    return ((z ^ (z >> 31)) >> 11) / (1 << 53)


def plain(sampling: Sampling) -> bool:
    """Whether the likeliest token is simply the choice, so that rows can be answered together."""
    return sampling.temperature == 0 and not _adjusted(sampling) and sampling.logprobs is None


def _adjusted(sampling: Sampling) -> bool:
    return bool(
        sampling.repetition_penalty != 1
        or sampling.frequency_penalty
        or sampling.presence_penalty
        or sampling.logit_bias
        or sampling.tokens_min
        or sampling.grammar is not None
    )


def adjust(row: Tensor, sampling: Sampling, prompt: Items[int], answer: Items[int], banned: set[int]) -> Tensor:
    """The row with penalties and biases applied; `banned` tokens are out. The row itself stays as it is."""
    if not _adjusted(sampling) and not banned:
        return row
    row = row.clone()
    if sampling.repetition_penalty != 1:
        seen = torch.tensor(sorted({*prompt, *answer}), dtype=torch.long)
        values = row[seen]
        penalty = sampling.repetition_penalty
        row[seen] = torch.where(values > 0, values / penalty, values * penalty)
    if (sampling.frequency_penalty or sampling.presence_penalty) and answer:
        counts = Counter(answer)
        tokens, times = torch.tensor(list(counts)), torch.tensor(list(counts.values()), dtype=row.dtype)
        row[tokens] -= sampling.frequency_penalty * times + sampling.presence_penalty
    for token, bias in sampling.logit_bias.items():
        if 0 <= token < row.shape[0]:
            row[token] += bias
    if banned:
        row[torch.tensor(sorted(banned), dtype=torch.long)] = -math.inf
    return row


def guess(row: Tensor, sequence: Sequence) -> int:
    """What the sequence's request would choose from the row, after its guesses so far; grammars aside."""
    sampling, said = sequence.request.sampling, [*sequence.answer, *sequence.draft]
    row = adjust(row, sampling, sequence.request.prompt, said, set())
    return choose(row, sampling, uniform(sequence.seed, len(sequence.tokens) + len(sequence.draft)))


def choose(row: Tensor, sampling: Sampling, number: float) -> int:
    """The token that the uniform `number` picks from the row's distribution after temperature and filters."""
    if sampling.temperature == 0:
        return int(row.argmax())
    row = row / sampling.temperature
    if sampling.top_k or sampling.top_p < 1:
        return _choose_sorted(row, sampling, number)
    probabilities = row.softmax(-1)
    if sampling.min_p:
        probabilities = probabilities.where(probabilities >= sampling.min_p * probabilities.max(), 0.0)
    if sampling.typical_p < 1:
        probabilities = probabilities.where(_typical(probabilities, sampling.typical_p), 0.0)
    return _invert(probabilities, number)


def _choose_sorted(row: Tensor, sampling: Sampling, number: float) -> int:
    """top_k and top_p look at the likeliest tokens only, in order."""
    size = row.shape[0]
    count = min(sampling.top_k or CANDIDATES, size)
    values, tokens = row.topk(count)
    if sampling.top_k:
        probabilities = values.softmax(-1)
    else:
        probabilities = (values - row.logsumexp(-1)).exp()
        if float(probabilities.sum()) < sampling.top_p:
            values, tokens = row.sort(descending=True, stable=True)
            probabilities = values.softmax(-1)
    if sampling.top_p < 1:  # the first tokens that reach the sum, the one that crosses it included
        before = probabilities.cumsum(-1) - probabilities
        probabilities = probabilities.where(before < sampling.top_p, 0.0)
    if sampling.min_p:
        probabilities = probabilities.where(probabilities >= sampling.min_p * probabilities[0], 0.0)
    if sampling.typical_p < 1:
        probabilities = probabilities / probabilities.sum()
        probabilities = probabilities.where(_typical(probabilities, sampling.typical_p), 0.0)
    return int(tokens[_invert(probabilities, number)])


def _typical(probabilities: Tensor, mass: float) -> Tensor:
    """Locally typical sampling (arXiv:2202.00666): the tokens whose surprise is nearest to the expected one."""
    surprise = -probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()
    entropy = (probabilities * surprise).sum()
    distance = (surprise - entropy).abs().masked_fill(probabilities == 0, math.inf)
    order = distance.argsort(stable=True)
    sums = probabilities[order].cumsum(-1)
    kept = torch.zeros_like(probabilities, dtype=torch.bool)
    kept[order[: int((sums < mass).sum()) + 1]] = True
    return kept


def _invert(probabilities: Tensor, number: float) -> int:
    """The index at which the running sum passes `number` of the whole."""
    sums = probabilities.cumsum(-1, dtype=torch.float64)
    total = float(sums[-1])
    index = int(torch.searchsorted(sums, number * total, right=True))
    if index < sums.shape[0] and float(probabilities[index]) > 0:
        return index
    return int(probabilities.nonzero()[-1])  # rounding at the very end


def report(row: Tensor, token: int, alternatives: int) -> Logprob:
    """The token's log probability in the unadjusted row, and the likeliest others'."""
    logs = row.log_softmax(-1)
    values, tokens = logs.topk(min(alternatives, row.shape[0])) if alternatives else (logs[:0], logs[:0].long())
    return Logprob(token, float(logs[token]), tuple(zip(tokens.tolist(), values.tolist(), strict=True)))
