"""A notebook as one HTML file that asks nothing of any network."""

from __future__ import annotations

import html
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.errors import HarnessFault
from harness.report.dossier.files import read_notebook

__all__ = ["asks_network", "page", "render"]

_FETCHES = re.compile(
    r"""<(?:script|img|iframe|link|source|video|audio|embed|object)\b[^>]*?\b(?:src|href|data)\s*=\s*["']?\s*(?:https?:)?//[^"'\s>]+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"'\s)]+|url\(\s*["']?(?:https?:)?//[^"'\s)]+""",
    re.IGNORECASE,
)


def render(notebook: Path, *, title: str, back: str = "index.html") -> str:
    """The executed notebook at `notebook` as a page; its code can be unfolded. HarnessFault if it would ask a network."""
    import nbconvert

    exporter_type: Any = nbconvert.HTMLExporter
    exporter = exporter_type(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.exclude_anchor_links = True
    body, _ = exporter.from_notebook_node(read_notebook(notebook))
    bar = f'<nav><a href="{html.escape(back)}">← All notebooks</a><label><input type="checkbox" id="code"> Show code</label></nav>'
    text = page(title, f"{bar}<main>{_without_scripts(body)}</main>", _code_css())
    found = asks_network(text)
    if found:
        raise HarnessFault(f"The page of {notebook.name} would fetch {found[0]}.", "Embed what it needs.")
    return text


def page(title: str, body: str, css: str = "") -> str:
    """A whole page around `body`, in the dossier's style. A policy in its head forbids every request."""
    style = (files("harness.report.dossier") / "page.css").read_text("utf-8")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title><style>{style}{css}</style></head>\n'
        f"<body>{body}</body></html>\n"
    )


def asks_network(text: str) -> list[str]:
    """What in a page would be fetched from elsewhere: scripts, images, styles. Links that wait for a click are none."""
    return [found[0][:200] for found in _FETCHES.finditer(text)]


def _without_scripts(body: str) -> str:
    return re.sub(r"<script\b.*?</script\s*>", "", body, flags=re.IGNORECASE | re.DOTALL)


@cache
def _code_css() -> str:
    from pygments.formatters import HtmlFormatter

    formatter: Any = HtmlFormatter(style="default")
    return str(formatter.get_style_defs(".highlight"))
