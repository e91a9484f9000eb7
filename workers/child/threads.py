"""How many threads the libraries that the nursery has imported may use: they have read no variable of the trial's."""

import sys
from functools import cache
from typing import Any


@cache
def thread_pools() -> Any:
    """The pools of the libraries in this process, or None where threadpoolctl was not imported.

    Looked up once, by the nursery: asking the linker for every library takes longer than all else before a trial.
    """
    threadpoolctl = sys.modules.get("threadpoolctl")
    return None if threadpoolctl is None else threadpoolctl.ThreadpoolController()


def limit_threads(count: int) -> None:
    """Lets every pool start so many, and torch too."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
    if (pools := thread_pools()) is not None:
        pools.limit(limits=count)
