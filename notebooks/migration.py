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
# A migration's rehearsal: verdict, findings with their reasons, locks, and the order of the rollout.
# The gate fails on a blocker or high finding that was not refuted, and on a phase that failed to run.

# %% tags=["parameters"]
run_path = "../reports/latest"

# %%
from IPython.display import display

from harness.report import load
from harness.report.analysis import gates, migration, present

run = load(run_path)
rehearsal = migration.read(run)
present.heading(migration.finding(rehearsal))

# %%
if not rehearsal.there:
    display(
        present.note(
            f"This run holds no migration.json. `{migration.command(run)}` writes one; the tables below are empty."
        )
    )
else:
    display(migration.chart(rehearsal))

# %%
present.table(
    migration.findings(rehearsal),
    "Findings, the most severe first",
    code=["statement", "remedy"],
    name="findings",
)

# %%
present.table(migration.phases(rehearsal), "What was run, and what was not", name="phases")

# %%
present.table(migration.locks(rehearsal), "Locks", name="locks")

# %% [markdown]
# ## The order of the rollout

# %%
present.table(migration.rollout(rehearsal), "Application × schema", name="rollout")

# %%
for number, step in enumerate(migration.order(rehearsal), start=1):
    display(present.note(f"{number}. {step}"))

# %% tags=["gate"]
gates.check([*gates.added(run, migration.FILE), *migration.gate(rehearsal)], absent=migration.absent(run, rehearsal))
