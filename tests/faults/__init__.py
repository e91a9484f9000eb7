"""The fault harness: real servers on a real disk, killed, cut off and lied to under load, and a ledger that remembers.

`python -m tests.faults --smoke` is the short run; `python -m tests.faults` runs every scenario; `--kills N` says how
many kills in all, `--defects` proves that the harness sees what it should see.

The method is that of set tests: workers write down what they are going to say (INTENT) and what they were told
(OUTCOME) in a ledger that no fault touches; when the faults are over, the ledger and the database must agree.
Workers here are simulated: they speak raw HTTP and train nothing, so that one machine carries many.
"""
