"""The verbs: claim, report, complete, sweep, suggest. The only floor where storage and search meet."""
