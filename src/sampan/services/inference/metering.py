"""What is used: counted in memory by each worker, and added to the rows of its day a second later.

A worker that is killed loses what it counted in that last second and the answers that it was giving; one that is
stopped loses nothing. What was written stays as it is: its price is the one of the day it was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from sampan.kernel.asking import Usage
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.inference import prices, rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import ListUsage, Metered
from sampan.services.inference.pending import Use, sum_of

DAYS_MAX = 400  # in one list: a year and what surrounds it
ALL = "*"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def use(context: Context, caller: Caller, model: str, now_ms: int) -> Use:
    """Who uses what now. Keys that last are told apart; temporary ones are too many, and are taken together."""
    key_id = caller.key_id if caller.issued_ms is None else ""
    return Use(day_of(now_ms), caller.account, key_id, model)


def day_of(now_ms: int) -> str:
    """The day of a time, in UTC: "2026-01-31"."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()


def write(tx: Transaction, context: Context, taken: dict[Use, rows.UsageRow]) -> None:
    """Add what was used to what is written, at today's prices."""
    of = prices.read(tx.get(rows.PRICES))
    for use, row in taken.items():
        price = of.get(use.model)
        row = sum_of(row, rows.UsageRow(cost=str(prices.cost(price, row)) if price is not None else "0"))
        key = rows.usage(use.day, use.account, use.key_id, use.model, price.currency if price is not None else "")
        raw = tx.get(key)
        tx.put(key, rows.encode(row if raw is None else sum_of(rows.decode_usage(raw), row)))


async def list_usage(context: Context, caller: Caller, command: ListUsage) -> tuple[Metered, ...]:
    account = command.account or caller.account
    if account != caller.account:
        context.check_operator(caller, command.action)
    with context.store.view() as view:
        return tuple(
            metered
            for day in _days(command.first_day, command.last_day)
            for metered in _used(view, day, "" if account == ALL else account)
        )


def _used(view: View, day: str, account: str) -> Iterator[Metered]:
    prefix = rows.usage_of(day, account)
    for key, raw in view.scan(prefix, rows.successor(prefix)):
        row = rows.decode_usage(raw)
        _, whose, key_id, model, currency = rows.of_usage(key)
        used = Usage(row.prompt, row.shared, row.answer, row.reasoning)
        cost = prices.written(int(row.cost)) if currency else ""
        yield Metered(day, whose, key_id, model, row.requests, used, cost, currency)


def _days(first: str, last: str) -> Iterator[str]:
    days = []
    for name, text in (("first_day", first), ("last_day", last)):
        try:
            if not _DAY.fullmatch(text):
                raise ValueError(text)
            days.append(date.fromisoformat(text))
        except ValueError:
            raise Fault(Kind.INVALID, "request", "a day is written as 2026-01-31", field=name) from None
    count = (days[1] - days[0]).days + 1
    if count > DAYS_MAX:
        raise Fault(Kind.INVALID, "request", f"at most {DAYS_MAX} days", field="first_day")
    return ((days[0] + timedelta(number)).isoformat() for number in range(count))
