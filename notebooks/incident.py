# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# One scenario told as a timeline: steps, requests, calls, deliveries, rows, logs, on the scenario's clock.
# Without a `scenario_id` the first failure is told, or the slowest scenario where nothing failed.
# The gate fails when there is nothing to tell.

# %% tags=["parameters"]
run_path = "../reports/latest"
scenario_id = ""

# %%
from IPython.display import display

from harness.report import load
from harness.report.analysis import gates, incident, present

run = load(run_path)
chosen = incident.choose(run, scenario_id)
present.heading(incident.finding(run, chosen))

# %%
if chosen is None:
    display(present.note("Nothing was executed in this run."))
else:
    display(present.note(chosen))
    display(incident.chart(run, chosen))

# %%
if chosen is not None:
    display(present.table(incident.timeline(run, chosen), "Timeline", code=["what"], name="timeline"))

# %%
if chosen is not None:
    display(present.table(incident.row_diff(run, chosen), "Rows changed", code=["key", "before", "after"], name="rows"))

# %%
if chosen is not None:
    display(present.table(incident.checks(run, chosen), "Checks", code=["path", "expected", "actual"], name="checks"))

# %% tags=["gate"]
gates.check(incident.gate(run, chosen))
