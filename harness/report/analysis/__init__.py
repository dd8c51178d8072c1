"""Questions that notebooks ask of a run: functions that return DataFrames and figures, with tests of their own."""
