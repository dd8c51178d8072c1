"""The dossier: the notebooks executed on a run, kept in a folder that opens offline."""

from __future__ import annotations

import html
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import Struct

import harness
from harness.errors import InputError
from harness.records import TABLES
from harness.report.analysis.present import duration_text, prose_html
from harness.report.cases import so_many
from harness.report.disk import (
    EXECUTED,
    SUMS,
    disk_errors,
    read_sums,
    replace_bytes,
    replace_text,
    sha256_of,
    write_sums,
)
from harness.report.dossier.execute import Executed, execute
from harness.report.dossier.files import read_notebook
from harness.report.dossier.leash import Leash
from harness.report.dossier.render import page, render
from harness.report.dossier.tables import fit, write_tables
from harness.report.dossier.traps import check_notebook
from harness.report.loading import Run, load
from harness.report.manifest import MANIFEST
from harness.report.verifying import altered

__all__ = ["ORDER", "Dossier", "audit", "find_notebooks"]

ORDER = ("suite_health", "anonymous_vs_authenticated", "rules", "migration", "strength", "incident")
_GOOD = frozenset({"passed", "absent"})
_LARGEST = 4_900_000  # bytes of a dossier, which is to be sent; a long run's page and largest CSV files stay out
_MARKS = {
    "passed": "✓ passed",
    "absent": "○ not judged",
    "gate": "✗ gate closed",
    "failed": "⚠ broke",
    "timeout": "⚠ stopped",
}


class Dossier(Struct, frozen=True):
    """A dossier on disk. `failures` has one line a notebook whose gate is closed, that broke or was stopped; first that of the run
    itself, where it is not as it was written."""

    index: Path
    notebooks: tuple[Executed, ...]
    failures: tuple[str, ...]


def audit(
    run: str | Path = "reports/latest",
    out: Path | None = None,
    *,
    notebooks: Sequence[str] | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    timeout_s: float = 300,
    jobs: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Dossier:
    """Execute the notebooks on `run`, side by side, and write the dossier into `out` (default: RUN/dossier).

    `notebooks`: names or paths (default: all); `parameters`: by notebook name, beside `run_path`; `timeout_s`: for each.
    A closed gate does not raise: it stands in `failures`, and the notebook is kept with what it found. So does a run that is not as
    it was written.
    Raises InputError for an unknown notebook, parameter or type, or a run that cannot be read.
    """
    loaded = load(run)
    changed = altered(loaded.directory)
    chosen = find_notebooks(notebooks)
    where = (out or loaded.directory / "dossier").resolve()
    with disk_errors(where, option="--out DIR"):
        _clear(where)
        executed = _execute_all(
            chosen, where, loaded, parameters or {}, timeout_s=timeout_s, jobs=jobs, progress=progress
        )
        for one in executed:
            replace_text(where / f"{one.name}.html", render(one.path, title=one.title or one.name))
        tables = write_tables(loaded, where / "tables")
        replace_bytes(where / MANIFEST, (loaded.directory / MANIFEST).read_bytes())
        tables = fit(tables, _size(where) - _LARGEST)
        _copy_page(loaded, where)
        replace_text(where / "index.html", _index(loaded, executed, tables, where, changed))
        write_sums(where)
    failures = [f"the run is {changed}"] if changed is not None else []
    failures += [_failure(e) for e in executed if e.outcome not in _GOOD]
    return Dossier(where / "index.html", tuple(executed), tuple(failures))


def _clear(where: Path) -> None:
    """Take away what an audit before this one left, which must not look fresh. Nobody else's folder is touched."""
    if where.is_dir() and any(where.iterdir()) and not (where / EXECUTED).is_dir():
        raise InputError(
            f"{where} holds something else than a dossier.", "Name a folder that is empty, or not there yet."
        )
    for name in read_sums(where):
        if "/" not in name and name:
            (where / name).unlink(missing_ok=True)
    (where / SUMS).unlink(missing_ok=True)
    for made in (EXECUTED, "tables"):
        shutil.rmtree(where / made, ignore_errors=True)
    (where / EXECUTED).mkdir(parents=True)


def find_notebooks(names: Sequence[str] | None = None) -> list[Path]:
    """The notebooks by name or path, in the order of ORDER. InputError for a name that there is not."""
    there = {path.stem: path for place in _places() for path in sorted(place.glob("*.ipynb"))}
    if not names:
        if not there:
            raise InputError(
                "There are no notebooks here.", "Run in the project's directory, or name them with --notebook."
            )
        return sorted((p for n, p in there.items() if n in ORDER), key=lambda p: ORDER.index(p.stem))
    return [_find(name, there) for name in names]


def _places() -> list[Path]:
    """Where notebooks lie: installed with the package, in the checkout, in the current directory; the last one wins."""
    package = Path(harness.__file__).resolve().parent
    return [package / "_notebooks", package.parent / "notebooks", Path("notebooks")]


def _find(name: str, there: Mapping[str, Path]) -> Path:
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    if path.stem not in there:
        raise InputError(f"There is no notebook {name!r}.", f"There are {', '.join(sorted(there))}.")
    return there[path.stem]


def _execute_all(
    chosen: Sequence[Path], where: Path, run: Run, parameters: Mapping[str, Mapping[str, Any]], *, timeout_s: float,
    jobs: int | None, progress: Callable[[str], None],
) -> list[Executed]:  # fmt: skip
    unknown = set(parameters) - {path.stem for path in chosen}
    if unknown:
        raise InputError(
            f"Parameters are given for {', '.join(sorted(unknown))}, which is not executed.", "Name it too."
        )

    values_of = {path: {"run_path": "."} | dict(parameters.get(path.stem, {})) for path in chosen}
    for (
        path,
        values,
    ) in values_of.items():  # all of them before any is run, and in one thread: imports are not safe in two
        check_notebook(path, read_notebook(path), values)

    def one(path: Path) -> Executed:
        done = execute(
            path,
            where / EXECUTED / path.name,
            parameters=values_of[path],
            directory=run.directory,
            timeout_s=timeout_s,
            leash=leash,
        )
        progress(f"{_MARKS[done.outcome]:14} {done.name}  {duration_text(done.duration_us)}")
        return done

    leash = Leash()
    with ThreadPoolExecutor(max_workers=jobs or min(4, os.cpu_count() or 1)) as pool:
        try:
            return list(pool.map(one, chosen))
        except BaseException:  # Ctrl-C too: nobody waits for what else is being executed
            leash.let_go()
            raise


def _copy_page(run: Run, where: Path) -> None:
    """The page of the whole run, where the dossier stays small enough with it."""
    page_of_run = run.directory / "report.html"
    if page_of_run.is_file() and _size(where) + page_of_run.stat().st_size < _LARGEST:
        replace_bytes(where / page_of_run.name, page_of_run.read_bytes())


def _size(where: Path) -> int:
    """Bytes of what this dossier holds, without the pages that are written after this is asked."""
    later = {"report.html", "index.html"}
    return sum(path.stat().st_size for path in where.rglob("*") if path.is_file() and path.name not in later)


def _failure(executed: Executed) -> str:
    return f"{executed.name}: {executed.reason}"


def _index(run: Run, executed: Sequence[Executed], tables: Sequence[Path], where: Path, changed: str | None) -> str:
    closed = [one for one in executed if one.outcome not in _GOOD]
    judged = [one for one in executed if one.outcome != "absent"]
    remarks = _remarks([*([f"This run is {changed}."] if changed else []), *run.remarks(5)])
    title = f"{len(judged) - len(closed)} of {len(judged)} notebooks passed their gate"
    rows = "".join(
        f'<tr><td class="{one.outcome}">{_MARKS[one.outcome]}</td><td><a href="{one.name}.html">{html.escape(_words(one.name))}</a></td>'
        f"<td>{html.escape(one.title)}{_reason(one)}</td></tr>"
        for one in executed
    )
    files = "".join(
        f'<tr><td><a href="tables/{path.name}">{path.name}</a></td><td class="num">{path.stat().st_size:,}</td>'
        f"<td><code>{sha256_of(path)[:16]}</code></td></tr>"
        for path in tables
    )
    whole = (
        '<p><a href="report.html">The whole run, scenario by scenario</a></p>'
        if (where / "report.html").is_file()
        else ""
    )
    absent = [name for name in TABLES if not any(p.name.startswith(f"{name}.csv") for p in tables)]
    only = f"<p>As Parquet only, so that the dossier can be sent: {', '.join(absent)}.</p>" if absent else ""
    body = (
        f"<main><p class=muted>Dossier of run {html.escape(run.run_id)}</p><h1>{title}</h1>{remarks}"
        f'<table><thead><tr><th scope="col">Gate</th><th scope="col">Notebook</th><th scope="col">Finding</th></tr></thead><tbody>{rows}</tbody></table>'
        f"{whole}<h2>Where this comes from</h2><dl>{_facts(run)}</dl>"
        f'<h2>Tables</h2>{only}<table><thead><tr><th scope="col">File</th><th scope="col" class="num">Bytes</th><th scope="col">SHA-256</th></tr></thead><tbody>{files}</tbody></table></main>'
    )
    return page(f"{title} · {run.run_id}", body)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _reason(one: Executed) -> str:
    return "" if one.outcome == "passed" else f'<br><span class="{one.outcome}">{prose_html(one.reason)}</span>'


def _remarks(notes: Sequence[str]) -> str:
    return "".join(f"<p><strong>{html.escape(note)}</strong></p>" for note in notes)


def _facts(run: Run) -> str:
    manifest = run.manifest
    facts = {
        "Outcome": manifest.outcome if run.complete else "killed",
        "Scenarios": f"{manifest.totals.get('scenarios', len(run.scenarios)):,}",
        "Target": manifest.target,
        "Database": " ".join(
            filter(
                None,
                (
                    manifest.database.get("kind"),
                    manifest.database.get("version"),
                    manifest.database.get("image_digest"),
                ),
            )
        ),
        "Seed": str(manifest.seed),
        "Started": manifest.start.strftime("%Y-%m-%d %H:%M UTC"),
        "Commit": manifest.git.get("commit") or "–",
        "Changes to it": manifest.git.get("dirty") or "none",
        "Evidence (SHA-256)": manifest.evidence or "–",
        "Not in it": f"{so_many(len(manifest.raced))} whose requests race" if manifest.raced else "nothing",
        "Schema": str(manifest.schema_version),
    }
    return "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
