"""What a worker counted and is not written yet: who used what, and lines of the request log."""

from __future__ import annotations

from dataclasses import dataclass, field

from sampan.kernel.asking import Usage
from sampan.services.inference import rows
from sampan.services.inference.values import Logged

LOGGED_MAX = 10_000  # while the disk fails, later lines are dropped


@dataclass(frozen=True, slots=True)
class Use:
    """Who used which model, on which day."""

    day: str
    account: str
    key_id: str
    model: str


@dataclass(slots=True)
class Pending:
    """What the next group of rows is made of."""

    used: dict[Use, rows.UsageRow] = field(default_factory=dict)
    logged: list[Logged] = field(default_factory=list)

    def use(self, use: Use, usage: Usage) -> None:
        """Count one request."""
        row = self.used.get(use)
        if row is None:
            row = self.used[use] = rows.UsageRow()
        row.requests += 1
        row.prompt += usage.prompt_tokens
        row.shared += usage.shared_tokens
        row.answer += usage.answer_tokens
        row.reasoning += usage.reasoning_tokens

    def log(self, logged: Logged) -> None:
        """Add a line."""
        if len(self.logged) < LOGGED_MAX:
            self.logged.append(logged)

    def take(self) -> tuple[dict[Use, rows.UsageRow], list[Logged]]:
        """What is to be written now; it is forgotten here."""
        used, logged = self.used, self.logged
        self.used, self.logged = {}, []
        return used, logged

    def put_back(self, used: dict[Use, rows.UsageRow], logged: list[Logged]) -> None:
        """It could not be written."""
        for use, row in used.items():
            known = self.used.get(use)
            self.used[use] = row if known is None else sum_of(known, row)
        self.logged = [*logged, *self.logged][:LOGGED_MAX]


def sum_of(one: rows.UsageRow, other: rows.UsageRow) -> rows.UsageRow:
    """Both together."""
    return rows.UsageRow(
        one.requests + other.requests,
        one.prompt + other.prompt,
        one.shared + other.shared,
        one.answer + other.answer,
        one.reasoning + other.reasoning,
        str(int(one.cost) + int(other.cost)),
    )
