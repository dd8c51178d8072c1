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
# # Control room
# Choose scenarios, a target and a database; start; watch; open what did not hold down to its rows and requests; run it
# again; compare with the run before; rehearse a migration. It opens with the latest run.
#
# `make lab` opens it ready to use. Opened in another way, or to begin anew: **Run ▸ Run All Cells**.

# %%
from harness.notebook import ControlRoom

room = ControlRoom()
room

# %% [markdown]
# What is open above is also there for code: `room.cases.run` is the run, with DataFrames such as `room.cases.run.checks`.
