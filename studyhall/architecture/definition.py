"""`Architecture`: the networks of a search space, declared as JSON."""

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final, Literal, Self, cast

from pydantic import Field, model_validator

from studyhall.architecture.blocks import Block
from studyhall.architecture.graph import COUNTS, Counts, Graph
from studyhall.architecture.plan import Plan, plan_of, size_of
from studyhall.architecture.resolving import resolve
from studyhall.errors import invalid
from studyhall.expression_tree import Scalar
from studyhall.parameters import Parameter
from studyhall.words import ParameterValue, Word

Side = Annotated[int, Field(ge=1, le=65536)]
KEPT: Final = 20_000


class Architecture(Word):
    """A network from `input` to `output` values through `body`; the last layer, a linear one, is added by itself."""

    input: Annotated[tuple[Side, ...], Field(min_length=1, max_length=3)]
    """Of one row: [channels, height, width] of an image, [channels, length] of a sequence, [features] of a table."""
    output: Side
    """Classes, or 1 for a value."""
    body: Annotated[tuple[Block, ...], Field(min_length=1, max_length=64)]
    duplicates: Literal["reuse", "retrain"] = "reuse"
    """What becomes of a trial that is the same network, with the same other parameters, as a completed one."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.plan.faults:
            raise invalid(self.plan.faults)
        return self

    @cached_property
    def plan(self) -> Plan:
        """What the blocks come to."""
        return plan_of(self.body, len(self.input))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The conditional scalar parameters that describe one network."""
        return self.plan.parameters

    @cached_property
    def names(self) -> frozenset[str]:
        """How those parameters are called."""
        return frozenset(parameter.name for parameter in self.parameters)

    @cached_property
    def size(self) -> int | None:
        """How many assignments there are, those of isomorphic networks among them; None for a continuum."""
        return size_of(self.plan)

    def graph(self, values: Mapping[str, ParameterValue]) -> Graph:
        """The network of an assignment.

        Raises:
            KeyError: the value of an active parameter is missing.
        """
        own = {
            name: value
            for name in self._order
            if (value := values.get(name)) is not None and not isinstance(value, (list, tuple))
        }
        key = tuple(own.items())
        known = self._graphs.get(key)
        if known is None:
            known = resolve(self.plan.root, self.input, self.output, own)
            self._graphs[key] = known
            if len(self._graphs) > KEPT:
                self._graphs.popitem(last=False)
        return known

    def counts(self, values: Mapping[str, ParameterValue]) -> Counts:
        """What the network of an assignment weighs and costs."""
        return self.graph(values).counts

    def counts_once(self, values: Mapping[str, ParameterValue]) -> dict[str, int]:
        """The same as a dict, not kept, from a value for every parameter, active or not: for many candidates."""
        scalars = cast("Mapping[str, Scalar]", values)  # an architecture's parameters are no lists
        counts = resolve(self.plan.root, self.input, self.output, scalars).counts
        return {name: getattr(counts, name) for name in COUNTS}

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def _graphs(self) -> OrderedDict[tuple[tuple[str, Scalar], ...], Graph]:
        # Asked for again with every suggestion: a history's networks, and a pool's.
        return OrderedDict()
