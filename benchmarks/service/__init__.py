"""How fast the service is, beside its peers, in one run on one disk: `python -m benchmarks.service`.

The work is a trial that trains nothing: ask (four parameters, random), three reports, tell. Clients are processes that
start together and ask again as soon as they are answered. Absolute figures belong to the machine and the moment;
what counts is the ratio within a round and the CPU time a trial costs all processes together. Every side is durable:
SQLite and PostgreSQL flush each commit (ours: synchronous=FULL, synchronous_commit=on), the journal file is fsynced.

Peers live in environments of their own below the user's cache folder (`$XDG_CACHE_HOME/studyhall/peers`), made by the
command when they are asked for.
"""
