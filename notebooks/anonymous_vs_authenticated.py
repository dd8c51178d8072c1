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
# The anonymous and the authenticated path side by side, step by step: outcomes, rows, calls, latency, and what
# one visitor may do that the other may not. The gate fails when a path was not exercised or did not hold.

# %% tags=["parameters"]
run_path = "../reports/latest"

# %%
from IPython.display import display

from harness.report import load
from harness.report.analysis import gates, paths, present

run = load(run_path)
present.heading(paths.finding(run))

# %%
for remark in run.notes[:20]:
    display(present.note(remark))

# %%
present.table(
    paths.comparison(run), "Both paths", subtitle="requests, rows and calls for each executed scenario", name="paths"
)

# %% [markdown]
# ## How far each path comes

# %%
paths.funnel_chart(run)

# %%
present.table(paths.funnel(run), "Funnel", subtitle="executed scenarios that reached a stage", name="funnel")

# %% [markdown]
# ## What each step costs

# %%
paths.latency_chart(run)

# %%
present.table(paths.step_latency(run), "Latency by step", subtitle="median with a 95 % interval", name="latency")

# %% [markdown]
# ## What one can do and the other cannot

# %%
present.table(paths.differences(run), "Accepted for one path only", code=["request"], name="differences")

# %%
present.table(paths.abilities(run), "Answers by path", code=["request"], name="abilities")

# %% tags=["gate"]
gates.check(paths.gate(run))
