"""How findings look in a notebook: a heading that says them, a chart with words for who cannot see it, a table.

Nothing here is fetched from anywhere, and the same data gives the same bytes.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "HATCHES",
    "MARKS",
    "Chart",
    "Shown",
    "axes",
    "duration_text",
    "heading",
    "note",
    "plain_table",
    "table",
]

COLOURS: Mapping[str, str] = {
    "passed": "#2b8a5f", "failed": "#c2382e", "error": "#b3680a", "skipped": "#9aa3ae", "flaky": "#7a4fb5",
    "anonymous": "#3563c9", "authenticated": "#d0792b", "ink": "#1a2130", "muted": "#5b6577", "line": "#dfe3ea",
}  # fmt: skip
_LONG_TEXT = 24  # characters beyond which a cell may be broken anywhere
_FONTS = ["system-ui", "Segoe UI", "Roboto", "DejaVu Sans", "Arial", "sans-serif"]

HATCHES: Mapping[str, str] = {
    "passed": "",
    "failed": "////",
    "error": "xx",
    "skipped": "..",
    "flaky": "\\\\",
    "authenticated": "//",
}
MARKS: Mapping[str, str] = {
    "passed": "✓", "failed": "✗", "error": "⚠", "skipped": "○", "flaky": "↻", "uncovered": "·",
    "noticed": "✓", "survived": "✗", "not_reached": "○", "equivalent": "≡",
}  # fmt: skip


class Shown(Struct, frozen=True):
    """A piece of HTML that a notebook displays; its `repr` is the same in plain text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


class Chart(Struct, frozen=True, dict=True):
    """A figure with its alternative text, shown as one SVG image."""

    figure: Figure
    alt: str

    @cached_property
    def svg(self) -> bytes:
        """The figure as SVG, without a date: the same bytes for the same data."""
        import matplotlib as mpl

        stream = io.BytesIO()
        with mpl.rc_context({"svg.hashsalt": "booking-harness", "svg.fonttype": "path"}):
            self.figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        return stream.getvalue()

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg).decode("ascii")
        return (
            f'<figure style="margin:0"><img alt="{html.escape(self.alt, quote=True)}" style="max-width:100%" '
            f'src="data:image/svg+xml;base64,{data}"></figure>'
        )

    def __repr__(self) -> str:
        return f"Chart: {self.alt}"


def axes(*, width: float = 9.0, height: float = 3.2, columns: int = 1) -> tuple[Figure, Any]:
    """A figure with quiet axes in the house's style; not registered with pyplot, so nothing has to be closed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, facecolor="white", layout="constrained")
    places = figure.subplots(1, columns, squeeze=False)[0]
    for place in places:
        _quiet(place)
    return figure, places[0] if columns == 1 else places


def heading(finding: str, *, level: int = 1) -> Shown:
    """A heading that says the finding."""
    return Shown(f"<h{level}>{html.escape(finding)}</h{level}>", finding)


def note(text: str) -> Shown:
    """A sentence, such as why a chart is not there."""
    return Shown(f"<p>{_names_html(text)}</p>", text)


def prose_html(text: str) -> str:
    """A sentence of the harness's own, in which names stand in backticks and stressed words between asterisks."""
    return re.sub(r"(?<![\w*])\*(\w[^*<]*)\*(?![\w*])", r"<em>\1</em>", _names_html(text))


def _names_html(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def table(
    rows: pd.DataFrame, title: str, *, subtitle: str | None = None, code: Sequence[str] = (), prose: Sequence[str] = (),
    name: str = "table",
) -> Shown:  # fmt: skip
    """`rows` as a table to read; durations (`…_us`) as text, lists joined. An empty one says so. The columns `prose` hold sentences of
    the harness's own (see `prose_html`)."""
    if rows.empty:
        return Shown(f"<p><strong>{html.escape(title)}</strong>: none.</p>", f"{title}: none.")
    from great_tables import GT, loc, style

    shown = readable(rows)
    made = GT(shown, id=name).tab_header(title=title, subtitle=subtitle)
    made = made.tab_options(
        table_font_size="14px", table_font_names=_FONTS, heading_align="left", table_width="100%", data_row_padding="4px",
        column_labels_font_weight="600", table_border_top_style="none", heading_border_bottom_style="none",
    ).opt_align_table_header("left")  # fmt: skip
    made = made.cols_align("right", [column for column in shown.columns if _is_number(rows, column)])
    made = made.fmt(prose_html, columns=[_column_title(column) for column in prose])
    for look, columns in _looks(rows, shown, code).items():
        made = made.tab_style(style.css(look), loc.body(columns=columns))
    # a wide table scrolls in a region of its own, which the keyboard must reach
    reached = f'<div id="{name}" tabindex="0" role="region" aria-label="{html.escape(title, quote=True)}"'
    page = made.as_raw_html().replace(f'<div id="{name}"', reached, 1)
    return Shown(page + _stacked(name, shown), f"{title}: {len(rows)} rows.")


def _stacked(name: str, shown: pd.DataFrame) -> str:
    """On a narrow screen a row is a block, and each cell says its own head."""
    cell = f"#{name} tbody tr td"
    heads = "".join(
        f'{cell}:nth-child({number})::before{{content:"{_css_text(str(title))}"}}'
        for number, title in enumerate(shown.columns, start=1)
    )
    return (
        f"<style>@media screen and (max-width:640px){{#{name} .gt_col_headings{{display:none}}"
        f"#{name} .gt_table,#{name} tbody,#{name} tbody tr{{display:block}}"
        f"{cell}{{display:block;position:relative;border:0!important;padding:2px 4px 2px 96px!important;min-height:1.7em;"
        "text-align:left!important;white-space:normal!important;overflow-wrap:anywhere}"
        f"#{name} tbody tr{{padding:6px 0;border-bottom:1px solid {COLOURS['line']}}}"
        f"{cell}::before{{position:absolute;left:4px;width:88px;overflow:hidden;text-overflow:ellipsis;color:{COLOURS['muted']};font:12px/1.7 sans-serif}}"
        f"{heads}}}</style>"
    )


def _css_text(text: str) -> str:
    return "".join(each if each.isalnum() or each == " " else f"\\{ord(each):x} " for each in text)


def _looks(rows: pd.DataFrame, shown: pd.DataFrame, code: Sequence[str]) -> dict[str, list[str]]:
    """CSS → columns: long texts keep a width that can be read, long words break before they push others off the page."""
    looks: dict[str, list[str]] = {}
    for name, title in zip(map(str, rows.columns), shown.columns, strict=True):
        longest = shown[title].str.len().max()
        look = "font-family:monospace;font-size:12px;" if name in code else ""
        if _is_number(rows, title) or str(rows[name].dtype).startswith("datetime"):
            look += "white-space:nowrap;"
        elif longest > _LONG_TEXT:
            look += "overflow-wrap:anywhere;min-width:8em;"
        if look:
            looks.setdefault(look, []).append(title)
    return looks


def plain_table(rows: pd.DataFrame, title: str, *, code: Sequence[str] = ()) -> Shown:
    """`table` without its finish, in a hundredth of the time: for what is opened and closed again."""
    if rows.empty:
        return Shown(f"<p><strong>{html.escape(title)}</strong>: none.</p>", f"{title}: none.")
    shown = readable(rows)
    fonts = {_column_title(name): "font-family:monospace;font-size:12px;" for name in code}
    cell = "text-align:left;vertical-align:top;padding:2px 8px;overflow-wrap:anywhere"
    head = "".join(f'<th scope="col" style="{cell}">{html.escape(name)}</th>' for name in shown.columns)
    styles = [fonts.get(str(name), "") + cell for name in shown.columns]
    body = "".join(f"<tr>{_plain_row(values, styles)}</tr>" for values in shown.itertuples(index=False, name=None))
    text = (
        f"<h4>{html.escape(title)} ({len(rows)})</h4><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return Shown(text, f"{title}: {len(rows)} rows.")


def _plain_row(values: Sequence[str], styles: Sequence[str]) -> str:
    cells = zip(values, styles, strict=True)
    return "".join(f'<td style="{style}">{html.escape(value)}</td>' for value, style in cells)


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` as text for people: durations with their unit, lists joined, missing values as a dash."""
    import pandas as pd

    shown = {_column_title(name): [_cell(name, value) for value in rows[name]] for name in map(str, rows.columns)}
    return pd.DataFrame(shown)


def duration_text(microseconds: float) -> str:
    """A duration as people say it: `850 µs`, `12.4 ms`, `3.1 s`."""
    if microseconds < 1000:
        return f"{microseconds:.0f} µs"
    return f"{microseconds / 1000:.1f} ms" if microseconds < 1_000_000 else f"{microseconds / 1e6:.1f} s"


def _quiet(place: Axes) -> None:
    for side in ("top", "right"):
        place.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        place.spines[side].set_color(COLOURS["line"])
    place.tick_params(colors=COLOURS["muted"], labelsize=9, length=0)
    place.title.set_color(COLOURS["ink"])
    place.set_axisbelow(True)


def _column_title(name: str) -> str:
    return name.removesuffix("_us").replace("_", " ")


def _cell(name: str, value: Any) -> str:
    import pandas as pd

    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if value is None or pd.isna(value):
        return "–"
    if name.endswith("_us"):
        return duration_text(float(value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _is_number(rows: pd.DataFrame, title: str) -> bool:
    import pandas as pd

    return any(_column_title(str(c)) == title and pd.api.types.is_numeric_dtype(rows[c]) for c in rows.columns)
