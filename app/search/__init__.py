"""Search engines: functions of (space, history, count, rng). No HTTP, no SQL, no clock."""
