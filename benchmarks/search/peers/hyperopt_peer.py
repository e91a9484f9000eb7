"""hyperopt's TPE. A parameter that depends on one parameter with choices is declared below them; others are flat."""

import logging
import math
from typing import Any

import numpy as np
from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK, Domain, Trials, hp, space_eval, tpe

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log, parent_of, value_of
from studyhall.parameters import default_of

logging.getLogger("hyperopt").setLevel(logging.ERROR)
POSITION = "position"


class Hyperopt(Peer):
    """Its default algorithm, one point at a time."""

    knows_conditions = knows_failures = True

    def setup(self) -> None:
        self._parents = {p.name: parent for p in self.space.parameters if (parent := self._branch(p))}
        self._nodes: dict[str, Any] = {}
        roots = [p for p in self.space.parameters if p.name not in self._parents]
        self._tree = {p.name: self._node(p) for p in roots}
        self._domain, self._history = Domain(lambda _: 0.0, self._tree), Trials()
        self._random = np.random.default_rng(self.seed)

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        return [self._one() for _ in range(count)]

    def learn(self, trial: Any, values: Values | None) -> None:
        waiting = self._history._dynamic_trials  # noqa: SLF001 - it has no other door for results
        (told,) = (document for document in waiting if document["tid"] == trial)
        told["state"] = JOB_STATE_DONE
        told["result"] = {"status": STATUS_FAIL} if values is None else {"status": STATUS_OK, "loss": values[0]}
        self._history.refresh()

    def _one(self) -> tuple[Assignment, Any]:
        (number,) = self._history.new_trial_ids(1)
        self._history.refresh()
        documents = tpe.suggest([number], self._domain, self._history, int(self._random.integers(2**31 - 1)))
        self._history.insert_trial_docs(documents)
        self._history.refresh()
        chosen = {name: picked[0] for name, picked in documents[0]["misc"]["vals"].items() if picked}
        found = {p.name: default_of(p) for p in self.space.parameters}
        self._read(space_eval(self._tree, chosen), found)
        return found, number

    def _read(self, told: dict[str, Any], found: Assignment) -> None:
        for name, value in told.items():
            if name == POSITION:
                continue
            nested = isinstance(value, dict)
            found[name] = value_of(self.space.by_name[name], value[POSITION] if nested else value)
            if nested:
                self._read(value, found)

    def _branch(self, parameter: Any) -> tuple[str, list[int]] | None:
        told = parent_of(self.space, parameter)
        return (told[0].name, told[1]) if told and told[0].type != "ordinal" else None

    def _node(self, p: Any) -> Any:
        choices = choices_of(p)
        if choices is None and p.type == "float":
            if is_log(p):
                return hp.loguniform(p.name, math.log(p.low), math.log(p.high))
            return hp.uniform(p.name, p.low, p.high)
        if choices is None:
            if is_log(p):
                return hp.qloguniform(p.name, math.log(p.low - 0.499), math.log(p.high + 0.499), 1)
            return hp.uniformint(p.name, p.low, p.high)
        if p.type == "ordinal":
            return hp.uniformint(p.name, 0, len(choices) - 1)
        below = {name: positions for name, (parent, positions) in self._parents.items() if parent == p.name}
        if not below:
            return hp.choice(p.name, list(range(len(choices))))
        for name in below:  # one node, whichever branch it hangs on
            self._nodes.setdefault(name, self._node(self.space.by_name[name]))
        return hp.choice(
            p.name,
            [
                {POSITION: i, **{name: self._nodes[name] for name, positions in below.items() if i in positions}}
                for i in range(len(choices))
            ],
        )
