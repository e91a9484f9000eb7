"""Other searches, each driven through `Peer` in an environment of its own; `environments` makes it, `worker` runs it.

What runs there imports `studyhall` (for the space) and the peer, nothing else of ours.
"""
