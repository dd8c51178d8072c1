"""The cases of a run that was never played: how many, and which of them fail, flicker, err or are skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from harness.records import Outcome

__all__ = ["Plan", "plans"]


@dataclass(frozen=True)
class Plan:
    """One attempt at one case, as `records_of` plays it."""

    scenario_id: str
    title: str
    feature: str
    file: str
    line: int
    tags: tuple[str, ...]
    covers: tuple[str, ...]
    actor: str
    session: str
    outcome: Outcome = "passed"
    attempt: int = 1
    round: int | None = None
    flaky: bool = False
    defect: str = ""


_TITLES: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "anonymous",
        "Anonymous visitors",
        "A free session is booked without signing in",
        "anonymous",
        ("anonymous", "smoke"),
        ("R03", "R04", "R06", "R07", "R10", "R11", "R12", "R14", "R17"),
    ),
    (
        "authenticated",
        "Signed-in clients",
        "A client books in the order that needs signing in",
        "client",
        ("authenticated", "smoke"),
        ("R13", "B01", "F01"),
    ),
    (
        "anonymous",
        "Anonymous visitors",
        "The page hides paid sessions, and so does the server",
        "anonymous",
        ("anonymous",),
        ("R16", "B03"),
    ),
    (
        "identifiers",
        "Booking ids",
        "Only the answer to the question Booking ID counts",
        "anonymous",
        ("ids",),
        ("R07", "B05", "B08"),
    ),
    ("webhooks", "Webhooks", "A delivery that comes twice changes nothing", "anonymous", ("webhooks",), ("W04", "R18")),
    (
        "webhooks",
        "Webhooks",
        "A wrong signature is refused and nothing is stored",
        "anonymous",
        ("webhooks",),
        ("W01",),
    ),
    ("payment", "Payment", "A pathway session asks for its real price", "client", ("payment",), ("R15", "W13", "F06")),
    (
        "cancelling",
        "Cancelling",
        "A day before the start everything is refunded",
        "client",
        ("refunds",),
        ("W07", "W12"),
    ),
    (
        "concurrency",
        "At the same time",
        "Two creates at once make one booking",
        "anonymous",
        ("parallel",),
        ("B14", "F05"),
    ),
    ("privacy", "What is logged", "No e-mail and no token stands in any log", "anonymous", ("logs",), ("B19", "R05")),
)
_SESSIONS = ("intro-call", "office-hours", "quick-question", "pathway-30", "group-build")


def plans(count: int, *, failing: bool = True, seed: int = 7) -> list[Plan]:
    """`count` cases in order; with `failing`, some fail, one is flaky (two attempts), one errs, one is skipped."""
    random = Random(seed)
    found: list[Plan] = []
    for number in range(count):
        name, feature, title, actor, tags, covers = _TITLES[number % len(_TITLES)]
        session = _SESSIONS[number // len(_TITLES) % 5]
        turn = number // (len(_TITLES) * 5)
        file = f"scenarios/{name}.yaml"
        case = f"[session={session}]" if turn == 0 else f"[session={session},turn={turn}]"
        plan = Plan(f"{file}::{title}{case}", title, feature, file, 6 + 14 * (number % 3), tags, covers, actor, session)
        found += _played(plan, number, random) if failing else [plan]
    return found


def _played(plan: Plan, number: int, random: Random) -> Sequence[Plan]:
    if number % 23 == 7:
        return [replace(plan, outcome="failed", defect="state")]
    if number % 23 == 11:
        return [replace(plan, outcome="failed", attempt=1, defect="flicker"), replace(plan, attempt=2, flaky=True)]
    if number % 41 == 16:
        return [replace(plan, outcome="error", defect="connection")]
    if number % 41 == 17:
        return [replace(plan, outcome="skipped")]
    if random.random() < 0.02:
        return [replace(plan, outcome="failed", defect="rows")]
    return [plan]
