"""Stopping rules at work: reports are answered by `stop`, and repeating them changes nothing."""

from typing import Any

from app.services.histories import changes_after
from app.services.studies import pause_study, resume_study
from app.services.telling import complete, heartbeat, release, report
from app.storage.domain import definition_from
from studyhall.trial import Measurement
from studyhall.wire.claims import Complete, Heartbeat, Release, Report, Told
from studyhall.wire.studies import PauseStudy
from tests.databases import Held, House

MEDIAN = {"rule": "median", "options": {"min_trials": 4}}


def tell(house: House, held: Held, step: int, **metrics: float) -> Told:
    return house.do(report, held.id, Report(**held.lease, measurements=(Measurement(step=step, metrics=metrics),)))


def with_curves(house: House, losses: list[float], **fields: Any) -> tuple[str, list[Held], list[Told]]:
    study = house.study(**({"stopping": MEDIAN} | fields))
    trials = [house.hold(study.id) for _ in losses]
    return study.id, trials, [tell(house, held, 1, loss=loss) for held, loss in zip(trials, losses, strict=True)]


def test_a_trial_worse_than_the_median_is_asked_to_stop_and_told_why(house: House) -> None:
    _, _, answers = with_curves(house, [1.0, 2.0, 3.0, 4.0, 9.0])

    assert [told.directive for told in answers] == ["continue", "continue", "continue", "stop", "stop"]
    assert answers[-1].reason == "median: 4 of 5 trials were better at this point, the best 3 go on"


def test_a_study_paused_to_save_wants_its_trials_back_until_it_is_resumed(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)

    house.do(pause_study, study.id, PauseStudy(running="save"))
    wanted = house.do(heartbeat, held.id, Heartbeat(**held.lease))
    house.do(release, held.id, Release(**held.lease))
    house.do(resume_study, study.id)
    again = house.hold(study.id)

    assert (wanted.directive, wanted.give_back) == ("continue", "the study is paused")
    assert (again.id, again.lease["attempt"]) == (held.id, 2)
    assert house.do(heartbeat, again.id, Heartbeat(**again.lease)).give_back is None


def test_the_curve_rule_foretells_the_end_from_trials_that_ran_to_theirs(house: House) -> None:
    study = house.study(stopping={"rule": "curve", "options": {"min_trials": 4}})
    for loss in (1.0, 1.1, 1.2, 1.3):
        held = house.hold(study.id)
        assert tell(house, held, 1, loss=loss).directive == "continue"
        house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss / 2}))
    held = house.hold(study.id)

    told = tell(house, held, 1, loss=2.0)
    again = tell(house, held, 1, loss=2.0)

    assert (told.directive, told.reason) == ("stop", "curve: 4 of 4 trials ended better than this one may hope to")
    assert (again.directive, again.reason) == (told.directive, told.reason)


def test_measurements_that_come_with_the_end_count_for_those_who_come_later(house: House) -> None:
    study = house.study(stopping=MEDIAN)
    for loss in (1.0, 2.0, 3.0):
        held, last = house.hold(study.id), (Measurement(step=1, metrics={"loss": loss}),)
        house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss}, measurements=last))

    assert tell(house, house.hold(study.id), 1, loss=9.0).directive == "stop"


def test_a_repeated_report_gets_the_same_answer(house: House) -> None:
    study, trials, answers = with_curves(house, [1.0, 2.0, 3.0, 4.0, 9.0])
    sequence = house.study_row(study).sequence

    again = [tell(house, held, 1, loss=loss) for held, loss in zip(trials, [1.0, 2.0, 3.0, 4.0, 9.0], strict=True)]

    assert [(t.directive, t.reason) for t in again] == [(t.directive, t.reason) for t in answers]
    assert house.study_row(study).sequence == sequence


def test_a_heartbeat_repeats_the_word_to_stop(house: House) -> None:
    _, trials, _ = with_curves(house, [1.0, 2.0, 3.0, 4.0, 9.0])

    assert house.do(heartbeat, trials[-1].id, Heartbeat(**trials[-1].lease)).directive == "stop"


def test_a_stopped_trial_is_pruned_with_the_reason(house: House) -> None:
    _, trials, _ = with_curves(house, [1.0, 2.0, 3.0, 4.0, 9.0])
    held = trials[-1]

    done = house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 9.0}, pruned=True))

    assert not isinstance(done, Exception)
    assert done.trial.state == "pruned"
    assert (done.trial.reason or "").startswith("median:")


def test_a_study_that_maximizes_stops_the_smallest(house: House) -> None:
    objectives = [{"metric": "loss", "goal": "maximize"}]

    _, _, answers = with_curves(house, [9.0, 8.0, 7.0, 6.0, 1.0], objectives=objectives)

    assert answers[-1].directive == "stop"


def test_reports_without_the_objective_are_not_judged(house: House) -> None:
    study = house.study(stopping=MEDIAN)
    answers = [tell(house, house.hold(study.id), 1, other=float(n)) for n in range(6)]

    assert {told.directive for told in answers} == {"continue"}


def test_another_attempt_is_compared_anew(house: House) -> None:
    study, trials, _ = with_curves(house, [1.0, 2.0, 3.0])
    house.pass_time(61)
    house.pass_time(300)
    again = house.claim(study, count=3, token="t" * 32)

    answers = [
        house.do(
            report,
            claimed.trial.id,
            Report(attempt=2, token="t" * 32, measurements=(Measurement(step=1, metrics={"loss": 5.0}),)),
        )
        for claimed in again
    ]

    assert len(trials) == len(again) == 3
    assert {told.directive for told in answers} == {"continue"}


def test_an_engine_sees_how_far_a_pruned_trial_came(house: House) -> None:
    study, trials, _ = with_curves(house, [1.0, 2.0, 3.0, 4.0, 9.0])
    house.do(complete, trials[4].id, Complete(**trials[4].lease, metrics={"loss": 9.0}, pruned=True))
    definition = definition_from(house.study_row(study).definition)

    changes = house.ask(changes_after, study_id=study, definition=definition, after=0)

    pruned = next(observation for observation in changes.observations if observation.number == 4)
    assert (pruned.state, pruned.curve, pruned.values) == ("pruned", ((1, 9.0),), (9.0,))
