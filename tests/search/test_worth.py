"""What a trial may still become, as those that ran to their end tell it."""

import pytest

from app.search.worth import Line, chance_to_lead

STRAIGHT = [((float(x),), (float(x) / 2,)) for x in range(1, 8)]
LEVEL = [(float(x),) for x in range(1, 21)]


def test_who_leads_at_a_level_that_foretells_the_end_is_likely_to_lead_there() -> None:
    assert chance_to_lead((0.2,), LEVEL, STRAIGHT) > 0.6
    assert chance_to_lead((15.0,), LEVEL, STRAIGHT) < 0.01


def test_where_a_level_says_nothing_everybody_has_a_chance() -> None:
    ends = [0.7, 0.1, 0.9, 0.2, 0.8, 0.15, 0.9, 0.12, 0.5, 0.6]
    courses = [((float(x),), (end,)) for x, end in enumerate(ends)]

    chances = [chance_to_lead((float(x),), [(float(x),) for x in range(10)], courses) for x in range(10)]

    assert min(chances) > 1 / 11


def test_where_early_values_mislead_the_worst_has_the_best_chance() -> None:
    courses = [((float(x),), (-float(x),)) for x in range(8)]
    level = [(float(x),) for x in range(9)]

    assert chance_to_lead((8.0,), level, courses) > chance_to_lead((0.0,), level, courses)


def test_one_trial_that_ended_is_enough_to_speak_and_too_little_to_be_sure() -> None:
    chance = chance_to_lead((9.0,), [(5.0,), (9.0,), (7.0,)], [((5.0,), (1.0,))])

    assert 0.02 < chance < 0.3


def test_a_loss_that_ran_away_is_no_lever() -> None:
    calm = Line([(1.0, 0.5), (2.0, 1.0), (3.0, 1.5)], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    wild = Line([(1.0, 0.5), (2.0, 1.0), (3.0, 1.5)], [1.0, 2.0, 3.0, 4.0, 5.0, 1e9])

    assert wild.end(2.5) == pytest.approx(calm.end(2.5), rel=0.1)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e307])
def test_chances_do_not_depend_on_the_unit(size: float) -> None:
    courses = [((x * size,), (x * size / 2,)) for x in (1.0, 2.0, 3.0)]
    level = [(x * size,) for x in (1.0, 2.0, 3.0, 4.0, 5.0)]

    assert chance_to_lead((1.5 * size,), level, courses) == pytest.approx(
        chance_to_lead((1.5,), [(1.0,), (2.0,), (3.0,), (4.0,), (5.0,)], [((x,), (x / 2,)) for x in (1.0, 2.0, 3.0)])
    )


def test_equal_values_everywhere_are_no_error() -> None:
    assert 0.0 <= chance_to_lead((0.0,), [(0.0,)] * 4, [((0.0,), (0.0,))] * 3) <= 1.0


def test_with_several_objectives_who_is_likely_to_be_dominated_has_little_chance() -> None:
    courses = [((x, 3.0 - x), (x, 3.0 - x)) for x in (0.5, 1.0, 1.5, 2.0, 2.5)]
    level = [before for before, _ in courses]

    assert chance_to_lead((0.1, 2.8), [*level, (0.1, 2.8)], courses) > 0.5
    assert chance_to_lead((4.5, 4.5), [*level, (4.5, 4.5)], courses) < 0.2
