"""How a failure reads: what was expected and found, what happened meanwhile, and how to run it again."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from harness import records
from harness.errors import Position
from harness.scenario.changes import Change, summary
from harness.scenario.matching import Comparison
from harness.scenario.show import visible

__all__ = ["Failure", "render", "render_lost"]

_WIDTH = 100
_BODY = 1500


class Failure(Struct):
    """One step (or the checks at the end) that did not hold."""

    step: int
    verb: str
    position: Position
    mismatches: list[Comparison]
    error: str | None = None  # the harness or the scenario went wrong, not the product
    fault: bool = False  # it was the harness
    exchanges: Sequence[records.Exchange] = ()
    changes: Sequence[Change] = ()
    calls: Sequence[records.CalendlyCall] = ()
    deliveries: Sequence[records.Delivery] = ()
    logs: Sequence[records.Log] = ()
    bodies: dict[str, str] = field(default_factory=dict)
    looked: str = ""  # how long an `eventually` waited in vain

    def first(self) -> str:
        """One line for tables and summaries."""
        if self.error:
            return visible(f"step {self.step} {self.verb}: {self.error.splitlines()[0]}")
        return visible(f"step {self.step} {self.verb}: {_mismatch(self.mismatches[0])}").replace("\n", "\\n")


def render(failure: Failure, *, outcome: str, place: str, title: str, seed: int, rerun: str) -> str:
    """The whole message of a failed case, deterministic: no durations in it."""
    word = "FAIL " if outcome == "failed" else "ERROR"
    lines = [_headline(word, place, title, seed), *_step_lines(failure)]
    lines += [f"    {line}" for line in (failure.error or "").splitlines()]
    lines += [_right(_margin(f"    {_mismatch(m)}"), _near(m.position, failure.position)) for m in failure.mismatches]
    if failure.looked:
        lines.append(f"  looked         {failure.looked}")
    lines += _bodies(failure)
    lines.append(f"  rows changed   {summary(failure.changes)}")
    lines.append(f"  calls          {_calls(failure)}")
    if failure.deliveries:
        lines.append(f"  deliveries     {'; '.join(_delivery(d) for d in failure.deliveries)}")
    worst = [log for log in failure.logs if log.level in {"warning", "error", "critical"}]
    lines += [_margin(f"  log            {log.level} {log.message} {log.fields}") for log in worst[:5]]
    lines.append(f"  rerun   {rerun}")
    return visible("\n".join(lines))


def render_lost(why: str, *, place: str, title: str, seed: int, rerun: str) -> str:
    """The message of a case of which nothing is known but `why`."""
    return visible("\n".join([_headline("ERROR", place, title, seed), f"    {why}", f"  rerun   {rerun}"]))


def _headline(word: str, place: str, title: str, seed: int) -> str:
    return _right(f"{word} {place}  {title}", f"seed {seed}")


def _step_lines(failure: Failure) -> list[str]:
    head = f"  step {failure.step}  {failure.verb}"
    if not failure.exchanges:
        return [_right(head, str(failure.position))]
    lines = []
    for number, exchange in enumerate(failure.exchanges):
        came = exchange.status if exchange.status is not None else f"no answer ({exchange.error})"
        text = f"{head if not number else ' ' * len(head)}   {exchange.method} {exchange.path} -> {came}"
        lines.append(_right(text, "" if number else str(failure.position)))
    return lines


def _bodies(failure: Failure) -> list[str]:
    if not failure.exchanges:
        return []
    last = failure.exchanges[-1]
    shown = []
    for word, body_id in (("request", last.request_body), ("response", last.response_body)):
        text = failure.bodies.get(body_id or "", "")
        if text:
            shown.append(_margin(f"  {word:9}      {text[:_BODY]}{'…' if len(text) > _BODY else ''}"))
    return shown


def _margin(text: str) -> str:
    """`text` of the product with a margin before its further lines, which must not read as the report's own, nor as commands
    (`::stop-commands::`) of the service that runs this."""
    return "\n                 | ".join(text.split("\n"))


def _mismatch(mismatch: Comparison) -> str:
    return f"{mismatch.path}   expected {mismatch.expected}   got {mismatch.actual}"


def _near(position: Position, step: Position) -> str:
    """A place as it reads below the step's: line and column say enough in the same file."""
    return f"{position.line}:{position.column}" if position.file == step.file else str(position)


def _calls(failure: Failure) -> str:
    if not failure.calls:
        return "none to Calendly or Stripe"
    return "; ".join(
        f"{c.method} {c.url} -> {c.status if c.status is not None else 'no answer'}"
        + (f" [{c.fault}]" if c.fault else "")
        + ("" if c.matched else " (unexpected)")
        for c in failure.calls[-8:]
    )


def _delivery(delivery: records.Delivery) -> str:
    return f"{delivery.event} attempt {delivery.delivery_attempt} -> {delivery.status or delivery.outcome}"


def _right(text: str, note: str) -> str:
    return f"{text.ljust(_WIDTH)}  {note}".rstrip() if note else text
