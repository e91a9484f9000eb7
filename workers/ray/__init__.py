"""Trials on a Ray cluster: one dispatcher claims as many as the cluster has room for, and each attempt is one Ray task.

    dispatcher ── a berth for each node ── claims what the node has room for, as a worker of its own
                    │ Ray task on that node
                  on_node ── nursery ── keeper ── trial      (the same processes as below any worker)

Why a berth for each node: the server then compares what a task asks for with what one machine really has, says what is
missing where none will do, and puts a failing node aside without the others. Ray itself would let a request that no
node can meet wait for ever. Why Ray retries nothing: our database counts attempts, and two of us would count double.
Why tasks keep their process: what holds GPU memory is the trial's own process, and torch stays imported.

The price: Ray gives out code to whoever reaches it, so a trial is not kept from the worker's key as it is elsewhere.
"""
