"""`python -m harness.booking`: does what has fallen due, once; a deployment's timer runs it every few minutes."""

from __future__ import annotations

import logging

from .application import from_env

__all__ = ["main"]


def main() -> int:
    """Expires, completes, asks for refunds again. Settings come from the environment. The number of things done."""
    app = from_env()
    try:
        return app.expire()
    finally:
        app.dispose()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("booking").info("%d things were due", main(), extra={"fields": {}})
