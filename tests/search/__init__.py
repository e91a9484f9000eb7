"""Search engines: one contract for all of them, and what each adds to it."""
