"""Which engines there are."""

import subprocess
import sys

import pytest

from app.search.registry import ENTRIES, algorithms, check, engine
from studyhall.errors import InvalidInput
from studyhall.study import Algorithm


def test_reading_the_registry_imports_no_numpy():
    code = (
        "import sys, app.search.registry as r, app.search.random, app.search.engine; r.algorithms();"
        "r.engine(__import__('studyhall.study').study.Algorithm(name='random'));"
        "print([m for m in ('numpy', 'scipy', 'sklearn', 'skopt', 'torch') if m in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"


@pytest.mark.parametrize("name", ENTRIES)
def test_every_engine_on_offer_can_be_loaded(name):
    assert callable(engine(Algorithm(name=name)))


def test_every_engine_documents_its_options():
    for info in algorithms():
        assert info.summary.endswith(".")
        assert info.options["type"] == "object"


def test_an_unknown_algorithm_is_refused_with_the_list_of_known_ones():
    with pytest.raises(InvalidInput) as refused:
        check(Algorithm(name="magic"))

    assert refused.value.errors[0].pointer == "/algorithm/name"
    assert "random" in refused.value.errors[0].message
