"""The post: webhooks of the simulated providers, carried to the target and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.provider import Answer, Attempt, TransportFault
from harness.provider import Delivery as Message
from harness.scenario.exchange import HttpRequest, NoAnswer
from harness.scenario.simulators import ProviderName

if TYPE_CHECKING:
    from harness.scenario.stage import Stage
    from harness.scenario.world import World

__all__ = ["Post"]


class Post:
    """Carries messages over the target's transport, so that a webhook meets the same application as a visitor."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def deliver(self, world: World, provider: ProviderName, **choice: Any) -> list[Attempt]:
        """Send what is chosen (see `Outbox.deliver`; nothing chosen: what is due) and record each attempt."""
        attempts = world.provider(provider).deliver(self._send, **choice)
        for attempt in attempts:
            self._record(world, provider, attempt)
        if attempts:
            world.touched()
        return attempts

    def retry_due(self, world: World) -> None:
        """Send again what failed before and is due now; what was never sent waits for its step."""
        for name, provider in list(world.providers.made.items()):
            retries = [message for message in provider.due() if message.attempts]
            if retries:
                self.deliver(world, name, which=retries)

    def _send(self, message: Message) -> Answer:
        parts = urlsplit(message.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        request = HttpRequest("POST", path, message.headers, message.body, caller="198.51.100.7")
        try:
            answer = self._stage.transport.send(request)
        except NoAnswer as error:
            raise TransportFault("reset") from error
        return Answer(answer.status, answer.content, dict(answer.headers))

    @staticmethod
    def _record(world: World, provider: ProviderName, attempt: Attempt) -> None:
        recorder = world.recorder
        raw = {
            "request": attempt.body.decode("utf-8", "replace"),
            "response": attempt.response_body.decode("utf-8", "replace"),
        }
        recorder.delivery(
            raw,
            provider=provider,
            event=attempt.event,
            url=attempt.url,
            delivery_attempt=attempt.number,
            request_headers=recorder.headers(attempt.headers),
            request_body=recorder.body(attempt.body),
            status=attempt.status,
            response_body=recorder.body(attempt.response_body),
            outcome=attempt.outcome,
            duration_us=attempt.duration_us,
        )
