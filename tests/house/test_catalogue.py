"""The catalogue of bad input: every case of `bad_input.txt` is held by a test that carries its id.

A test carries an id in a case of its own that begins with it (`Case("SP-001 empty", …)`), or as a whole by its mark
`@pytest.mark.catalogue("AU-003")`; `pytest -m catalogue` runs the latter.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
ID = re.compile(r"(?:SP|ST|TR|ME|AU|HT|WK|CF)-\d{3}")
CATALOGUE = [
    line.split(" | ") for line in (TESTS / "house/bad_input.txt").read_text("utf-8").splitlines() if " | " in line
]


def carried(path: Path) -> Iterator[str]:
    """The ids that stand in a file of tests: as arguments of the mark, or at the beginning of the name of a case."""
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)) if ID.search(text) else ():
        if not isinstance(node, ast.Call) or not node.args:
            continue
        match node.func:
            case ast.Name(id="Case"):
                yield from ID.findall(ast.unparse(node.args[0])[:12])
            case ast.Attribute(attr="catalogue"):
                yield from (str(ast.literal_eval(argument)) for argument in node.args)


def test_a_case_has_an_id_of_its_own_and_says_what_must_come_back() -> None:
    ids = [case[0] for case in CATALOGUE]

    assert all(ID.fullmatch(id) for id in ids)
    assert len(set(ids)) == len(ids) >= 175
    assert all(len(case) == 3 and all(case) for case in CATALOGUE)


def test_every_case_of_the_catalogue_is_held_by_a_test_and_no_test_names_another() -> None:
    held = {id for path in TESTS.rglob("*.py") for id in carried(path)}

    assert {case[0] for case in CATALOGUE} - held == set()
    assert held - {case[0] for case in CATALOGUE} == set()
