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
# # Tutorial: from nothing to evidence
# In a quarter of an hour: write a scenario, run it, see it fail for a good reason, read why, and rehearse a migration.
# Nothing has to be set up: each run gets a PostgreSQL of its own, and Calendly is simulated.

# %%
from IPython.display import display

import harness
from harness.project import project_root
from harness.report.analysis import evidence

folder = project_root() / ".harness" / "tutorial"  # not kept in version control; delete it whenever you like
folder.mkdir(parents=True, exist_ok=True)
reports = folder / "reports"

# %% [markdown]
# ## 1. A scenario
# A visitor who has not signed in books a free call. The steps say what they do; the checks say what must then be so:
# one more row in the table `Booking`, without a client, and no other table changed.

# %%
first = folder / "first.yaml"
first.write_text(
    """\
feature: My first scenario
given: {catalog: production, visitor: anonymous, clock: "2030-03-04T09:00Z"}
scenarios:
  - scenario: A free call is booked without signing in
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {}
        as: booking
        expect: {status: 200, body: {bookingId: $flow.booking_id}}
    then:
      - changed:
          Booking: {added: [{id: $booking.id, clientId: null, status: CONFIRMED}]}
          BookingTransition: any
"""
)

# %% [markdown]
# ## 2. Run it
# The same seed gives the same ids, the same order and the same evidence.

# %%
run = harness.run(first, seed=7, reports=reports)
run

# %% [markdown]
# Everything that happened is a table. These are the rows that the booking changed.

# %%
scenario_id = run.scenarios["scenario_id"].iloc[0]
evidence.changed_rows(run, scenario_id)

# %% [markdown]
# ## 3. Would it notice?
# A check is worth what it can notice. `legacy` is the flow before the update: it demands a client.

# %%
before = harness.run(first, seed=7, target="legacy", reports=reports)
before

# %% [markdown]
# The scenario, from its message down to its requests (open one) and rows:

# %%
evidence.show(before, scenario_id)

# %% [markdown]
# ## 4. What changed between the two runs?

# %%
display(harness.report.compare(before, run))

# %% [markdown]
# ## 5. Rehearse the migration
# The update makes `clientId` nullable. What does that lock, and what becomes of the rows that are there?
# Leave `phases` out to have everything looked at; it then takes some seconds more.

# %%
harness.migrations.check(
    "fixtures/migrations/make_client_id_nullable.sql",
    baseline="fixtures/migrations",
    phases=["lint", "observe", "data"],
    rows=1_000,
)

# %% [markdown]
# ## 6. Where to go
# `harness.run()` runs the whole suite. `control_room.ipynb` does all of this with controls; `suite_health.ipynb` and its
# neighbours read a run; `harness audit` makes a dossier of them that opens offline.
