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
# From each rule of the specification to the scenarios that cover it, and what came out.
# The gate fails when a rule of the update (R) is not covered, or a covered rule did not hold.

# %% tags=["parameters"]
run_path = "../reports/latest"

# %%
from IPython.display import display

from harness.report import load
from harness.report.analysis import gates, present, rules

run = load(run_path)
present.heading(rules.finding(run))

# %%
for remark in run.notes[:20]:
    display(present.note(remark))

# %%
rules.chart(run)

# %% [markdown]
# ## What is not covered

# %%
present.table(rules.uncovered(run), "Rules without an executed scenario", prose=["text"], name="uncovered")

# %% [markdown]
# ## Every rule

# %%
present.table(rules.marked(rules.coverage(run)), "Rules and their worst outcome", prose=["text"], name="coverage")

# %% [markdown]
# ## From rule to scenario

# %%
present.table(
    rules.marked(rules.traceability(run)).head(300),
    "Traceability",
    subtitle="at most 300 rows; scenarios.csv holds all",
    prose=["text"],
    name="links",
)

# %% tags=["gate"]
gates.check(rules.gate(run))
