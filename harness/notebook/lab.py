"""`make lab`: JupyterLab on this machine only, opened with the control room, ready to use; notebooks are saved without outputs.

As an extension of the server (`_load_jupyter_server_extension`) it clears outputs at every save, so that a notebook that
somebody looked at is still the one that its twin describes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.project import project_root

__all__ = ["clear_outputs", "command", "main"]

ROOM = "notebooks/control_room.ipynb"
EXTENSIONS = Path(__file__).with_name("labextensions")


def command(root: Path, more: Sequence[str] = ()) -> list[str]:
    """The command that starts JupyterLab in `root`; `more` goes to it as it is (a port, `--no-browser`)."""
    return [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        ROOM,
        f"--ServerApp.root_dir={root}",
        "--ServerApp.ip=127.0.0.1",
        # jupytext's extension would put a contents manager of its own in place of the one that clears outputs
        "--ServerApp.jpserver_extensions={'harness.notebook.lab': True, 'jupyterlab_jupytext': False}",
        f"--LabApp.extra_labextensions_path={EXTENSIONS}",  # runs the room's cells when it is opened
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *more,
    ]


def clear_outputs(*, model: dict[str, Any], **_: Any) -> None:
    """Take outputs and execution counts out of the notebook that is about to be saved; other files are left alone."""
    if model["type"] != "notebook" or not isinstance(model.get("content"), dict):
        return
    for cell in model["content"].get("cells", ()):
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    model["content"].get("metadata", {}).pop("widgets", None)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "harness.notebook.lab"}]


def _load_jupyter_server_extension(server: Any) -> None:
    server.contents_manager.register_pre_save_hook(clear_outputs)


def main(arguments: Sequence[str]) -> int:
    """Start it in the project's folder and wait; Ctrl-C is JupyterLab's own."""
    root = project_root()
    try:
        return subprocess.run(command(root, arguments), cwd=root, env=os.environ, check=False).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
