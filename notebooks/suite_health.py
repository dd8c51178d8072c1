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
# Suite health: what held, what did not and on which evidence, what is slow, what changes its mind.
# The last cell is the gate: it fails when a scenario did not hold or the run is not whole.

# %% tags=["parameters"]
run_path = "../reports/latest"

# %%
from IPython.display import display

from harness.report import load
from harness.report.analysis import cases, gates, health, present

run = load(run_path)
present.heading(health.finding(run))

# %%
for remark in run.remarks(20):
    display(present.note(remark))

# %%
health.outcome_chart(run)

# %%
present.table(health.by_feature(run), "Outcomes by feature", name="features")

# %% [markdown]
# ## What did not hold, and the evidence

# %%
present.table(
    cases.failures(run)[["scenario_id", "outcome", "covers", "failure", "rerun"]],
    "Failures",
    code=["rerun"],
    name="failures",
)

# %%
present.table(
    health.failed_checks(run).head(100), "Checks that did not hold", code=["path", "expected", "actual"], name="checks"
)

# %% [markdown]
# ## What changes its mind

# %%
present.table(health.flaky(run), "Passed only at another attempt", name="flaky")

# %%
health.before(run)

# %% [markdown]
# ## What takes long

# %%
health.duration_chart(run)

# %%
present.table(cases.slowest(run), "Slowest scenarios", name="slowest")

# %% tags=["gate"]
gates.check(health.gate(run))
