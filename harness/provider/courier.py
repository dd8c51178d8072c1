"""Delivers webhooks over HTTP in the background while a server runs."""

from __future__ import annotations

import threading

import requests

from harness.provider.messages import Answer, TransportFault
from harness.provider.outbox import Delivery
from harness.provider.stage import Stage

__all__ = ["Courier", "post"]

_CONNECT_SECONDS, _READ_SECONDS = 10.0, 15.0
_POLL_SECONDS = 0.05


def post(delivery: Delivery) -> Answer:
    """One POST; redirects are not followed (a 3xx is a failure). Raises TransportFault when no answer comes."""
    try:
        answer = requests.post(
            delivery.url,
            data=delivery.body,
            headers=delivery.headers,
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
            allow_redirects=False,
        )
    except requests.Timeout as error:
        raise TransportFault("timeout") from error
    except requests.RequestException as error:
        raise TransportFault("refused") from error
    return Answer(answer.status_code, answer.content, dict(answer.headers), answer.elapsed.total_seconds())


class Courier:
    """A thread that sends what is due, first attempts and retries alike, on the stage's clock."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._stopping = threading.Event()
        self.paused = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="courier")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits a moment for the message on its way; a receiver that hangs is left to hang."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            if self.paused.is_set():
                continue
            for provider in self._stage.providers().values():
                if provider.post.idle(provider.clock()):
                    continue
                for delivery in provider.due():
                    if self._stopping.is_set():
                        return
                    provider.deliver(post, which=delivery)
