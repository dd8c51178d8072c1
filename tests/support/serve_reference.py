"""The reference as somebody else's application: a process of its own that knows only its environment."""

from __future__ import annotations

import os

from werkzeug.serving import make_server

from harness.booking.application import from_env

if __name__ == "__main__":
    make_server(os.environ["HOST"], int(os.environ["PORT"]), from_env(), threaded=True).serve_forever()
