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
# How strong the suite is: which injected defects it notices, which scenario is the only one to notice, what survives.
# The gate fails when a defect of the catalogue goes unnoticed, or more than a tenth of the generic mutants.

# %% tags=["parameters"]
run_path = "../reports/latest"

# %%
from IPython.display import display

from harness.report import load
from harness.report.analysis import gates, present, strength

run = load(run_path)
defects = strength.defects(run)
present.heading(strength.finding(defects))

# %%
if defects.empty:
    display(
        present.note("This run holds no strength.parquet. `harness strength` writes one; the tables below are empty.")
    )
else:
    display(strength.chart(defects))
    if not strength.is_matrix(defects):
        display(
            present.note("Each defect stopped at the first scenario that noticed. `harness strength --every` asks all.")
        )

# %%
present.table(strength.columns(defects), "The columns of the matrix", name="columns")

# %%
present.table(strength.outcome_table(defects), "Defects by kind", name="kinds")

# %% [markdown]
# ## What goes unnoticed

# %%
present.table(strength.survivors(defects), "Unnoticed defects", prose=["title"], name="survivors")

# %% [markdown]
# ## Who notices

# %%
present.table(strength.only_ones(defects), "Scenarios that alone notice a defect", name="alone")

# %%
present.table(strength.overlap(defects), "How many scenarios notice each defect", prose=["title"], name="overlap")

# %% tags=["gate"]
gates.check([*gates.added(run, strength.FILE), *strength.gate(defects)], absent=strength.absent(defects))
