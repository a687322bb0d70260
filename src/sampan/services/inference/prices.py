"""What tokens cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from sampan.services.inference import names, rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import ListPrices, Price, SetPrice

PRICES_MAX = 1000  # they lie in one row
_AMOUNT = re.compile(r"(\d{1,6})(?:\.(\d{1,6}))?")
_CURRENCY = re.compile(r"[A-Za-z]{1,8}")
DIGITS = 12  # behind the point, of a cost: six of a price, six of the million tokens that it is for


async def set_price(context: Context, caller: Caller, command: SetPrice) -> None:
    context.check_operator(caller, command.action)
    deployment = names.find(context, caller, command.price.model)
    price = replace(command.price, model=deployment.name)
    if not _CURRENCY.fullmatch(price.currency):
        raise Fault(Kind.INVALID, "request", "a currency has 1 to 8 letters", field="currency")
    for name, amount in (("prompt", price.prompt), ("answer", price.answer), ("shared", price.shared)):
        if amount is not None and not _AMOUNT.fullmatch(amount):
            raise Fault(Kind.INVALID, "request", 'an amount is written as "0.4", with at most 6 digits', field=name)

    def change(tx: Transaction) -> None:
        found = {**read(tx.get(rows.PRICES)), price.model: price}
        if len(found) > PRICES_MAX:
            raise Fault(Kind.INVALID, "request", f"at most {PRICES_MAX} prices", field="model")
        tx.put(rows.PRICES, rows.encode(list(found.values())))

    await context.store.write(change)


async def list_prices(context: Context, caller: Caller, command: ListPrices) -> tuple[Price, ...]:
    context.check_operator(caller, command.action)
    return tuple(price for _, price in sorted(read(context.store.get(rows.PRICES)).items()))


def read(raw: bytes | None) -> Mapping[str, Price]:
    """What the row of prices says, by model."""
    return {price.model: price for price in (rows.decode_prices(raw) if raw is not None else ())}


def cost(price: Price, row: rows.UsageRow) -> int:
    """What was used costs this, in units of the currency's 1e-12: whole numbers add up without a rest."""
    prompt, answer = _units(price.prompt), _units(price.answer)
    shared = prompt if price.shared is None else _units(price.shared)
    return (row.prompt - row.shared) * prompt + row.shared * shared + row.answer * answer


def written(units: int) -> str:
    """A cost as people write it: "0.004"."""
    whole, rest = divmod(units, 10**DIGITS)
    return f"{whole}.{rest:0{DIGITS}d}".rstrip("0").rstrip(".")


def _units(amount: str) -> int:
    """A price of a million tokens, as that of one token in units of 1e-12."""
    found = _AMOUNT.fullmatch(amount)
    assert found is not None, "checked when it was set"
    return int(found[1]) * 10**6 + int((found[2] or "").ljust(6, "0"))
