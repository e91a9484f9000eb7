"""The course of a search, thinned out."""

from app.analysis.series import course, curves_wanted


def rows(*values: float | None) -> list[tuple[int, str, float | None, float | None]]:
    return [(n, "completed" if value is not None else "failed", value, float(n)) for n, value in enumerate(values)]


def test_the_best_so_far_follows_the_goal_and_skips_trials_without_a_value() -> None:
    assert course(rows(3.0, None, 1.0, 2.0), "minimize", 100).best == [3.0, 3.0, 1.0, 1.0]
    assert course(rows(None, 1.0, 3.0, 2.0), "maximize", 100).best == [None, 1.0, 3.0, 3.0]


def test_a_long_course_is_thinned_out_and_keeps_every_improvement() -> None:
    values = [100.0] * 10_000
    values[1234], values[5678] = 50.0, 25.0

    found = course(rows(*values), "minimize", 100)

    assert len(found.number) <= 103
    assert {1234, 5678} <= set(found.number)
    assert found.total == 10_000


def test_a_study_without_results_has_an_empty_course() -> None:
    assert course([], "minimize", 10).number == []


def test_the_curves_of_several_objectives_hold_the_front() -> None:
    ended = [(n, "completed", None, float(n)) for n in range(1000)]

    assert {501, 777} <= set(curves_wanted(ended, [], "minimize", front=[501, 777]))
