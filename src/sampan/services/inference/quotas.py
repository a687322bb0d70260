"""Quotas: how much accounts, keys and models may be asked, in all worker processes together.

A quota holds for all that it names, together: one with an account alone for all its keys and models. A request has to
find room in each quota that speaks of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from sampan.kernel.asking import Ask
from sampan.kernel.budget import Budget
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from sampan.services.inference import rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import ListQuotas, Quota, SetQuota

QUOTAS_MAX = 1000  # they lie in one row, and each has a slot in the table that workers share
RATE_MAX = 1_000_000_000
CHARS_OF_A_TOKEN = 4  # about: a guess until the model has counted
ANSWER_TOKENS = 16  # likewise, of an answer without a limit of its own


async def set_quota(context: Context, caller: Caller, command: SetQuota) -> None:
    context.check_operator(caller, command.action)
    quota = command.quota
    limits = (quota.requests_per_minute, quota.tokens_per_minute, quota.in_flight)
    for name, text in (("account", quota.account), ("key", quota.key_id), ("model", quota.model)):
        if len(text) > 256 or not text.isprintable():
            raise Fault(Kind.INVALID, "request", f"the {name} is no name", field=name)
    if any(limit is not None and not 0 <= limit <= RATE_MAX for limit in limits):
        raise Fault(Kind.INVALID, "request", f"a limit is a number from 0 to {RATE_MAX}", field="quota")

    def change(tx: Transaction) -> None:
        found = [one for one in _read(tx.get(rows.QUOTAS)) if rows.whose(one) != rows.whose(quota)]
        if any(limit is not None for limit in limits):
            found.append(quota)
        if len(found) > QUOTAS_MAX:
            raise Fault(Kind.INVALID, "request", f"at most {QUOTAS_MAX} quotas", field="quota")
        tx.put(rows.QUOTAS, rows.encode(found))

    await context.store.write(change)


async def list_quotas(context: Context, caller: Caller, command: ListQuotas) -> tuple[Quota, ...]:
    context.check_operator(caller, command.action)
    return tuple(sorted(_read(context.store.get(rows.QUOTAS)), key=rows.whose))


def _read(raw: bytes | None) -> list[Quota]:
    return list(rows.decode_quotas(raw)) if raw is not None else []


# --- for who asks a model ---------------------------------------------------------------------------------------------


def of(context: Context, caller: Caller, model: str) -> Sequence[Budget]:
    """The budgets that a request bears on."""
    found = context.quotas.find(rows.QUOTAS)
    if not found:
        return ()
    whose = product(("", caller.account), ("", caller.key_id), ("", model))
    return [found[one] for one in dict.fromkeys(whose) if one in found]


def take(context: Context, found: Sequence[Budget], tokens: int) -> None:
    """Take a request and `tokens` of them. Raises Fault(TOO_MANY, "requests" | "tokens" | "in flight")."""
    refused = context.limiter.take(found, tokens, context.clock.now_ms())
    if refused is not None:
        raise Fault(
            Kind.TOO_MANY,
            refused.kind,
            f"the limit is {refused.limit}" + ("" if refused.kind == "in flight" else " a minute"),
            limit=refused.limit,
            retry_after_s=refused.retry_after_s,
        )


def guess(ask: Ask) -> int:
    """How many tokens a question and its answers may take."""
    prompt = ask.prompt
    if prompt is None:
        chars = sum(len(message.text) + len(message.reasoning) for message in ask.messages)
    else:
        chars = len(prompt) if isinstance(prompt, str) else len(prompt) * CHARS_OF_A_TOKEN
    answers = (ask.sampling.tokens_max or ANSWER_TOKENS) * max(ask.sampling.n, ask.sampling.best_of or 1)
    return chars // CHARS_OF_A_TOKEN + answers
