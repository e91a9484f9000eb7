"""Everything that runs below a worker: the nursery, a keeper for each attempt, and the trial's own process.

    worker ── nursery ── keeper ── trial ── whatever the trial starts
              (torch      (one per  (the user's
              imported)   attempt)  code)

Why three: the nursery imports torch once, and a fork of it is a trial's process in 10 ms instead of 3 s. The keeper is
the parent of everything the trial starts, however it hides (it is a "subreaper"), and ends it all when the trial
ends or when the worker is gone: its end of the leash then closes. Nothing here talks to the server, and nothing here
knows the worker's key. The price: Linux is needed for the strict part of this; elsewhere a trial is ended by its
process group alone.
"""
