"""The search space: parameters, when each is active, and the constraints between them.

An assignment ("parameters") holds values for the *active* parameters only. `when` and constraints are expressions
(`studyhall.expression`); a constraint that reads an inactive parameter does not apply.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from studyhall.errors import FieldError, InvalidInput, invalid
from studyhall.expression import Expression, ExpressionError, Scalar, parse
from studyhall.parameters import (
    BoolParameter,
    CategoricalParameter,
    ConstantParameter,
    OrdinalParameter,
    Parameter,
    has_default,
)
from studyhall.words import Parameters, Word

MAX_PARAMETERS = 200
ExpressionText = Annotated[str, Field(min_length=1, max_length=1000)]


class Space(Word):
    """What may vary, and under which conditions."""

    parameters: Annotated[tuple[Parameter, ...], Field(min_length=1, max_length=MAX_PARAMETERS)]
    constraints: Annotated[tuple[ExpressionText, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = self._name_faults() or [*self._when_faults(), *self._constraint_faults()] or self._cycle_faults()
        if faults:
            raise invalid(faults)
        return self

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Each parameter under its name, in the order of declaration."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def conditions(self) -> dict[str, Expression]:
        """The parsed `when` of each conditional parameter."""
        return {parameter.name: parse(parameter.when) for parameter in self.parameters if parameter.when is not None}

    @cached_property
    def rules(self) -> tuple[Expression, ...]:
        """The parsed constraints."""
        return tuple(parse(text) for text in self.constraints)

    @cached_property
    def order(self) -> tuple[Parameter, ...]:
        """The parameters such that each comes after all that its `when` reads."""
        done: dict[str, Parameter] = {}
        waiting = list(self.parameters)
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
        """How many assignments the parameters allow, ignoring conditions and constraints; None for a continuum."""
        total = 1
        for parameter in self.parameters:
            if parameter.cardinality is None:
                return None
            total *= parameter.cardinality
        return total

    def is_active(self, name: str, values: Mapping[str, Scalar]) -> bool:
        """Whether a parameter is active, given the values of the active ones it depends on."""
        condition = self.conditions.get(name)
        return condition is None or condition.truth(values) is True

    def resolve(self, values: Mapping[str, Scalar]) -> Parameters:
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
        """The assignment at a point of the unit cube, shape `(number of parameters,)` in order of declaration."""
        return self.resolve(
            {parameter.name: parameter.from_unit(u) for parameter, u in zip(self.parameters, units, strict=True)}
        )

    def satisfies(self, parameters: Mapping[str, Scalar]) -> bool:
        """Whether an assignment breaks no constraint; a constraint that reads an inactive parameter does not apply."""
        return all(rule.truth(parameters) is not False for rule in self.rules)

    def faults(self, parameters: Mapping[str, Scalar], *, partial: bool = False) -> list[FieldError]:
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
                found.append(FieldError(f"/{name}", f"is not a value of this {parameter.type} parameter"))
            elif given:
                active[name] = parameters[name]
            elif not partial:
                found.append(FieldError(f"/{name}", "missing"))
        if not found:
            found = [
                FieldError("", f"breaks the constraint: {rule.text}")
                for rule in self.rules
                if rule.truth(active) is False
            ]
        return found

    def contains(self, parameters: Mapping[str, Scalar]) -> bool:
        """Whether an assignment is complete, inside the bounds, and breaks no constraint."""
        return not self.faults(parameters)

    def check(self, parameters: Mapping[str, Scalar], *, partial: bool = False, at: str = "/parameters") -> None:
        """Raises InvalidInput naming every fault of an assignment."""
        found = self.faults(parameters, partial=partial)
        if found:
            errors = [FieldError(at + fault.pointer, fault.message) for fault in found]
            raise InvalidInput("the parameters do not fit the study's space", errors=errors)

    def defaults(self) -> Parameters | None:
        """The assignment of all defaults, or None when an active parameter has none."""
        values = {p.name: p.default for p in self.parameters if has_default(p)}
        try:
            return self.resolve(values)
        except KeyError:
            return None

    def _in_order(self, active: Parameters) -> Parameters:
        return {parameter.name: active[parameter.name] for parameter in self.parameters if parameter.name in active}

    def _unknown(self, name: str) -> str:
        return f"unknown parameter; known: {', '.join(list(self.by_name)[:10])}"

    def _name_faults(self) -> list[tuple[str, str]]:
        seen: set[str] = set()
        for index, parameter in enumerate(self.parameters):
            if parameter.name in seen:
                return [(f"/parameters/{index}/name", f"'{parameter.name}' is declared twice")]
            seen.add(parameter.name)
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
            for message in self._expression_faults(text)
        ]

    def _expression_faults(self, text: str) -> list[str]:
        try:
            expression = parse(text)
        except ExpressionError as error:
            return [str(error)]
        unknown = sorted(expression.names - self.by_name.keys())
        if unknown:
            return [f"unknown parameter '{name}'" for name in unknown]
        if not expression.names:
            return ["reads no parameter"]
        return [
            f"{value!r} is not a value of parameter '{name}'"
            for name, value in expression.literals_compared()
            if _has_choices(self.by_name[name]) and not self.by_name[name].contains(value)
        ]

    def _cycle_faults(self) -> list[tuple[str, str]]:
        try:
            _ = self.order
        except ValueError:
            return [("/parameters", "the conditions (when) depend on each other in a circle")]
        return []


def _has_choices(parameter: Parameter) -> bool:
    return isinstance(parameter, (CategoricalParameter, OrdinalParameter, BoolParameter, ConstantParameter))
