"""The audit dossier: notebooks executed on a run, and what they found as files that open offline."""
