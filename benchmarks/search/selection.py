"""All problems, and the words that choose among them."""

from collections import Counter

from benchmarks.search import fronts, learning, networks, rough, synthetic, tables, wide
from benchmarks.search.problem import Problem

REAL = frozenset({"learning", "networks", "tables"})
"""Families of real trainings; `several` stands for itself, all others are `synthetic`."""
PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for module in (synthetic, rough, wide, fronts, learning, networks, tables)
    for problem in module.PROBLEMS
}


def _core() -> frozenset[str]:
    """Every second problem of each family, the first of each among them: for peers whose games take minutes."""
    seen, found = Counter[str](), set()
    for problem in PROBLEMS.values():
        if seen[problem.family] % 2 == 0:
            found.add(problem.name)
        seen[problem.family] += 1
    return frozenset(found)


CORE = _core()


def words_of(problem: Problem) -> set[str]:
    """What a problem is called by: its name, its family, what kind of family that is, `core`, `all`."""
    kind = {"real"} if problem.family in REAL else {"synthetic"} if problem.family != "several" else set()
    return {"all", problem.name, problem.family, *kind, *({"core"} if problem.name in CORE else ())}


def chosen(selection: str) -> list[Problem]:
    """The problems of `core+noisy,tables`: those that have all the words of one of the parts.

    Raises:
        SystemExit: a word that no problem has.
    """
    known = set[str]().union(*map(words_of, PROBLEMS.values()))
    if unknown := set(selection.replace("+", ",").split(",")) - known - {"tables"}:
        raise SystemExit(f"unknown problems {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    parts = [set(part.split("+")) for part in selection.split(",")]
    return [problem for problem in PROBLEMS.values() if any(part <= words_of(problem) for part in parts)]
