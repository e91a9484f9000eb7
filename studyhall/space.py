"""The search space: parameters, when each is active, and the constraints between them.

An assignment ("parameters") holds values for the *active* parameters only. `when` and constraints are expressions
(`studyhall.expression`); a constraint that reads an inactive parameter does not apply. An architecture stands for
conditional parameters too (`scalars` holds them all), and for `params`, `flops`, `depth` and `weight_bytes`, which
constraints may read.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from studyhall.architecture.definition import Architecture
from studyhall.architecture.graph import COUNTS
from studyhall.errors import FieldError, InvalidInput, invalid
from studyhall.expression import Expression, ExpressionError, parse
from studyhall.expression_tree import Scalar, same
from studyhall.parameters import (
    BoolParameter,
    CategoricalParameter,
    ConstantParameter,
    FloatParameter,
    IntParameter,
    ListParameter,
    OrdinalParameter,
    Parameter,
    PermutationParameter,
    SubsetParameter,
    default_of,
    has_default,
)
from studyhall.words import Parameters, ParameterValue, Word

MAX_PARAMETERS = 200
MOST_TOLD = 20
"""Of choices; whoever has more reads the space."""
ExpressionText = Annotated[str, Field(min_length=1, max_length=1000)]


class Space(Word):
    """What may vary, and under which conditions."""

    parameters: Annotated[tuple[Parameter, ...], Field(max_length=MAX_PARAMETERS)] = ()
    """As declared; `scalars` are all there are. At least one, unless there is an architecture."""
    architecture: Architecture | None = None
    constraints: Annotated[tuple[ExpressionText, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = self._name_faults() or [*self._when_faults(), *self._constraint_faults()] or self._cycle_faults()
        if faults:
            raise invalid(faults)
        return self

    @cached_property
    def scalars(self) -> tuple[Parameter, ...]:
        """Every parameter that an assignment may hold: those declared, then those of the architecture."""
        return self.parameters if self.architecture is None else (*self.parameters, *self.architecture.parameters)

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Each parameter under its name, in the order of `scalars`."""
        return {parameter.name: parameter for parameter in self.scalars}

    @cached_property
    def conditions(self) -> dict[str, Expression]:
        """The parsed `when` of each conditional parameter."""
        return {parameter.name: parse(parameter.when) for parameter in self.scalars if parameter.when is not None}

    @cached_property
    def rules(self) -> tuple[Expression, ...]:
        """The parsed constraints."""
        return tuple(parse(text) for text in self.constraints)

    @cached_property
    def count_rules(self) -> tuple[Expression, ...]:
        """The constraints that read a count of the architecture."""
        return () if self.architecture is None else tuple(r for r in self.rules if not r.names.isdisjoint(COUNTS))

    @cached_property
    def plain_rules(self) -> tuple[Expression, ...]:
        """The constraints that read parameters only."""
        return self.rules if self.architecture is None else tuple(r for r in self.rules if r.names.isdisjoint(COUNTS))

    @cached_property
    def order(self) -> tuple[Parameter, ...]:
        """The parameters such that each comes after all that its `when` reads."""
        done: dict[str, Parameter] = {}
        waiting = list(self.scalars)
        while waiting:
            ready = [
                p for p in waiting if p.name not in self.conditions or self.conditions[p.name].names <= done.keys()
            ]
            if not ready:
                raise ValueError("circular conditions")
            done |= {parameter.name: parameter for parameter in ready}
            waiting = [parameter for parameter in waiting if parameter.name not in done]
        return tuple(done.values())

    @property
    def size(self) -> int | None:
        """How many assignments the parameters allow, ignoring constraints and the conditions of declared parameters.

        None for a continuum.
        """
        total = 1 if self.architecture is None else self.architecture.size
        if total is None:
            return None
        for parameter in self.parameters:
            if parameter.cardinality is None:
                return None
            total *= parameter.cardinality
        return total

    @cached_property
    def width(self) -> int:
        """How many places an assignment has in the unit cube."""
        return sum(parameter.width for parameter in self.scalars)

    def is_active(self, name: str, values: Mapping[str, ParameterValue]) -> bool:
        """Whether a parameter is active, given the values of the active ones it depends on."""
        condition = self.conditions.get(name)
        return condition is None or condition.truth(values) is True

    def resolve(self, values: Mapping[str, ParameterValue]) -> Parameters:
        """Drops what is inactive from an assignment to all parameters, in the order of declaration.

        Raises:
            KeyError: when the value of an active parameter is missing.
        """
        active: Parameters = {}
        for parameter in self.order:
            if self.is_active(parameter.name, active):
                active[parameter.name] = values[parameter.name]
        return self._in_order(active)

    def from_units(self, units: Sequence[float]) -> Parameters:
        """The assignment at a point of the unit cube, shape `(width,)` in the order of `scalars`."""
        values: Parameters = {}
        start = 0
        for parameter in self.scalars:
            values[parameter.name] = parameter.from_units(units[start : start + parameter.width])
            start += parameter.width
        return self.resolve(values)

    def backfilled(self, parameters: Mapping[str, ParameterValue]) -> Parameters | None:
        """An assignment of an earlier version of the space in this one; None when it lies outside.

        A parameter that came later had its default then; one that was taken away is left out.
        """
        if self.contains(parameters):
            return dict(parameters)
        later = {p.name: default_of(p) for p in self.scalars if p.name not in parameters and has_default(p)}
        try:
            adapted = self.resolve({**parameters, **later})
        except KeyError:
            return None
        return adapted if self.contains(adapted) else None

    def satisfies(self, parameters: Mapping[str, ParameterValue]) -> bool:
        """Whether an assignment breaks no constraint; a constraint that reads an inactive parameter does not apply."""
        return not self._broken(parameters)

    def identity(self, parameters: Mapping[str, ParameterValue]) -> str | None:
        """What a complete assignment comes to: two with one identity train the same network in the same way.

        None where every assignment is one of its own: without an architecture, or with `duplicates: retrain`.
        """
        if self.architecture is None or self.architecture.duplicates == "retrain":
            return None
        network = self.architecture.graph(parameters).hash
        rest = {name: value for name, value in parameters.items() if name not in self.architecture.names}
        return network + hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:32] if rest else network

    def faults(self, parameters: Mapping[str, ParameterValue], *, partial: bool = False) -> list[FieldError]:
        """What keeps an assignment from being one of this space; nothing when it is.

        Args:
            partial: accept that values are missing (they are to be suggested).
        """
        found = [FieldError(f"/{name}", self._unknown(name)) for name in parameters if name not in self.by_name]
        active: Parameters = {}
        for parameter in self.order:
            name = parameter.name
            given = name in parameters
            if not self.is_active(name, active):
                if given and not partial:
                    found.append(FieldError(f"/{name}", f"is not active here: {parameter.when}"))
            elif given and not parameter.contains(parameters[name]):
                found.append(FieldError(f"/{name}", _what_fits(parameter)))
            elif given:
                active[name] = parameters[name]
            elif not partial:
                found.append(FieldError(f"/{name}", "missing"))
        if not found:
            found = [FieldError("", f"breaks the constraint: {rule.text}") for rule in self._broken(active)]
        return found

    def contains(self, parameters: Mapping[str, ParameterValue]) -> bool:
        """Whether an assignment is complete, inside the bounds, and breaks no constraint."""
        return not self.faults(parameters)

    def check(
        self, parameters: Mapping[str, ParameterValue], *, partial: bool = False, at: str = "/parameters"
    ) -> None:
        """Raises InvalidInput naming every fault of an assignment."""
        found = self.faults(parameters, partial=partial)
        if found:
            errors = [FieldError(at + fault.pointer, fault.message) for fault in found]
            raise InvalidInput("the parameters do not fit the study's space", errors=errors)

    def defaults(self) -> Parameters | None:
        """The assignment of all defaults, or None when an active parameter has none."""
        values = {p.name: default_of(p) for p in self.scalars if has_default(p)}
        try:
            return self.resolve(values)
        except KeyError:
            return None

    def _broken(self, parameters: Mapping[str, ParameterValue]) -> list[Expression]:
        """The constraints that an assignment breaks; counts are only made where the others hold and one reads them."""
        broken = [rule for rule in self.plain_rules if rule.truth(parameters) is False]
        if broken or not self.count_rules or self.architecture is None:
            return broken
        try:
            counts = self.architecture.counts(parameters).model_dump()
        except KeyError:  # a partial assignment: what is missing is to be suggested
            return []
        return [rule for rule in self.count_rules if rule.truth({**parameters, **counts}) is False]

    def _in_order(self, active: Parameters) -> Parameters:
        return {parameter.name: active[parameter.name] for parameter in self.scalars if parameter.name in active}

    def _unknown(self, name: str) -> str:
        return f"unknown parameter; known: {', '.join(list(self.by_name)[:10])}"

    def _name_faults(self) -> list[tuple[str, str]]:
        if not self.scalars:
            return [("/parameters", "a space needs at least one parameter, or an architecture with a decision in it")]
        taken = {} if self.architecture is None else dict.fromkeys(COUNTS, "is a count of the architecture")
        taken |= {} if self.architecture is None else dict.fromkeys(self.architecture.names, "is one of its parameters")
        for index, parameter in enumerate(self.parameters):
            if parameter.name in taken:
                return [(f"/parameters/{index}/name", f"'{parameter.name}' {taken[parameter.name]}")]
            taken[parameter.name] = "is declared twice"
        return []

    def _when_faults(self) -> list[tuple[str, str]]:
        found = []
        for index, parameter in enumerate(self.parameters):
            if parameter.when is not None:
                at = f"/parameters/{index}/when"
                found += [(at, message) for message in self._expression_faults(parameter.when)]
        return found

    def _constraint_faults(self) -> list[tuple[str, str]]:
        return [
            (f"/constraints/{index}", message)
            for index, text in enumerate(self.constraints)
            for message in self._expression_faults(text, () if self.architecture is None else COUNTS)
        ]

    def _expression_faults(self, text: str, counts: Sequence[str] = ()) -> list[str]:
        try:
            expression = parse(text)
        except ExpressionError as error:
            return [str(error)]
        unknown = sorted(expression.names - self.by_name.keys() - set(counts))
        if unknown:
            return [f"unknown parameter '{name}'" for name in unknown]
        if not expression.names:
            return ["reads no parameter"]
        scalars = [n for n in expression.read_as_lists() if not isinstance(self.by_name.get(n), ListParameter)]
        if scalars:
            return [f"parameter '{name}' is no list" for name in sorted(scalars)]
        return [
            f"{value!r} is not a value of parameter '{name}'"
            for name, value in expression.literals_compared()
            if name in self.by_name and _is_misspelt(value, self.by_name[name])
        ]

    def _cycle_faults(self) -> list[tuple[str, str]]:
        try:
            _ = self.order
        except ValueError:
            return [("/parameters", "the conditions (when) depend on each other in a circle")]
        return []


def _what_fits(parameter: Parameter) -> str:
    match parameter:
        case FloatParameter() | IntParameter():
            step = "" if parameter.step in (None, 1) else f" in steps of {parameter.step:.12g}"
            return f"should be {parameter.type}, from {parameter.low:.12g} to {parameter.high:.12g}{step}"
        case CategoricalParameter() | OrdinalParameter() if len(parameter.choices) <= MOST_TOLD:
            return f"should be one of {json.dumps(parameter.choices)[1:-1]}"
    return f"is not a value of this {parameter.type} parameter"


def _is_misspelt(value: Scalar, parameter: Parameter) -> bool:
    """Whether a literal is compared with a parameter that can never have it."""
    if isinstance(parameter, (PermutationParameter, SubsetParameter)):
        return not any(same(value, item) for item in parameter.items)
    has_choices = isinstance(parameter, (CategoricalParameter, OrdinalParameter, BoolParameter, ConstantParameter))
    return has_choices and not parameter.contains(value)
