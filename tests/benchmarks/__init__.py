"""What the harness costs, measured against the bare minimum in the same run."""
