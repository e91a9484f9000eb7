"""Trials that go on from a checkpoint: their own after all, or a better one's."""

from typing import Any

from app.services.histories import changes_after
from app.services.reading import get_trial
from app.services.telling import complete, report
from app.storage.domain import definition_from
from studyhall.trial import Measurement, Trial
from studyhall.wire.claims import Complete, Report, Told
from tests.databases import ADMIN, Held, House

HALF = {"rule": "percentile", "options": {"min_trials": 4, "interval": 4, "warmup_steps": 4}}
QUARTER = {"rule": "population", "options": {"interval": 4}}
FLOATS = {"parameters": [{"name": "lr", "type": "float", "low": 0.001, "high": 1, "scale": "log"}]}


def tell(house: House, held: Held, step: int, loss: float, checkpoint: int | None = None) -> Told:
    measurement = Measurement(step=step, metrics={"loss": loss})
    return house.do(report, held.id, Report(**held.lease, measurements=(measurement,), checkpoint=checkpoint))


def end(house: House, held: Held, loss: float, **fields: Any) -> Trial:
    done = house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss}, **fields))
    assert not isinstance(done, Exception)
    return done.trial


def run_until_stopped(house: House, study: str, *losses: float, checkpoint: int | None = 4) -> list[Held]:
    """Trials one after the other: four steps, and an end as the rule says."""
    held = [house.hold(study) for _ in losses]
    for each, loss in zip(held, losses, strict=True):
        is_stopped = tell(house, each, 4, loss).directive == "stop"
        end(house, each, loss, pruned=is_stopped, checkpoint=checkpoint if is_stopped else None)
    return held


def test_a_stopped_trial_with_a_checkpoint_goes_on_once_its_rule_would_let_it(house: House) -> None:
    study = house.study(stopping=HALF)
    held = run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)

    again = house.hold(study.id).claimed

    assert (again.trial.source, again.trial.continues) == ("revived", held[3].id)
    assert again.trial.parameters == held[3].claimed.trial.parameters
    assert again.origin is not None
    assert (again.origin.trial, again.origin.number, again.origin.step) == (held[3].id, 3, 4)
    assert again.study.keeps_checkpoints


def test_that_a_trial_goes_on_is_news_of_it(house: House) -> None:
    study = house.study(stopping=HALF)
    held = run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    before = house.ask(get_trial, principal=ADMIN, trial_id=held[3].id)

    run_until_stopped(house, study.id, 7.0)

    after = house.ask(get_trial, principal=ADMIN, trial_id=held[3].id)
    assert (before.continued_by, after.continued_by is None) == (None, False)
    assert after.sequence > before.sequence


def test_without_a_checkpoint_a_stopped_trial_stays_stopped(house: House) -> None:
    study = house.study(stopping=HALF)
    run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, checkpoint=None)

    assert house.hold(study.id).claimed.trial.source == "model"


def test_a_trial_goes_on_once_and_beyond_the_budget_that_it_has_paid_for(house: House) -> None:
    study = house.study(stopping=HALF, budget={"max_trials": 7})
    run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)

    again = house.hold(study.id)
    end(house, again, 0.5)
    row = house.study_row(study.id)

    assert (row.state, row.created, row.best_number) == ("completed", 7, 7)


def test_a_trial_that_goes_on_is_not_judged_again_by_the_steps_behind_it(house: House) -> None:
    study = house.study(stopping=HALF)
    run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    again = house.hold(study.id)

    assert tell(house, again, 4, 400.0).directive == "continue"


def test_an_engine_sees_a_trial_that_went_on_once(house: House) -> None:
    study = house.study(stopping=HALF)
    run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    definition = definition_from(house.study_row(study.id).definition)

    changes = house.ask(changes_after, study_id=study.id, definition=definition, after=0)

    assert [o.number for o in changes.observations if o.number in (3, 7)] == [7]
    assert 3 in changes.removed


def test_steps_are_counted_once(house: House) -> None:
    study = house.study(stopping=HALF)
    run_until_stopped(house, study.id, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    again = house.hold(study.id)

    tell(house, again, 4, 4.0)
    tell(house, again, 6, 3.0)

    assert house.study_row(study.id).steps == 7 * 4 + 2


def test_the_worst_of_a_population_makes_room_for_a_changed_copy_of_the_best(house: House) -> None:
    study = house.study(stopping=QUARTER, space=FLOATS, budget={"max_trials": 4})
    held = [house.hold(study.id) for _ in range(4)]
    for step in (4, 5):  # the checkpoint of a step is known with the next report
        answers = [
            tell(house, each, step, loss, checkpoint=4 if step == 5 else None)
            for each, loss in zip(held[:3], (1.0, 2.0, 3.0), strict=True)
        ]

    told = tell(house, held[3], 4, 4.0)
    child = house.hold(study.id).claimed

    assert {answer.directive for answer in answers} == {"continue"}
    assert told.directive == "stop"
    assert (child.trial.source, child.trial.continues) == ("exploit", held[0].id)
    assert child.trial.parameters != held[0].claimed.trial.parameters
    assert child.trial.why == "in the place of trial 3, from trial 0 at step 4"
    assert child.study.checkpoint_every == 4


def test_a_report_that_is_sent_again_replaces_nobody_twice(house: House) -> None:
    study = house.study(stopping=QUARTER, space=FLOATS, budget={"max_trials": 4})
    held = [house.hold(study.id) for _ in range(4)]
    for step in (4, 5):
        for each, loss in zip(held[:3], (1.0, 2.0, 3.0), strict=True):
            tell(house, each, step, loss, checkpoint=4 if step == 5 else None)

    tell(house, held[3], 4, 4.0)
    tell(house, held[3], 4, 4.0)

    assert house.study_row(study.id).waiting == 1


def test_where_none_of_the_best_has_a_checkpoint_the_worst_goes_on_to_the_next_level(house: House) -> None:
    study = house.study(stopping=QUARTER, space=FLOATS, budget={"max_trials": 4})
    held = [house.hold(study.id) for _ in range(4)]

    def round_of(step: int) -> list[str]:
        told = zip(held, (1.0, 2.0, 3.0, 4.0), strict=True)
        return [tell(house, each, step, loss, checkpoint=4 if step > 4 else None).directive for each, loss in told]

    assert round_of(4) == ["continue"] * 4  # all come at once: what they save here is known with their next reports
    assert round_of(8) == ["continue"] * 3 + ["stop"]
    assert house.study_row(study.id).waiting == 1
