"""The best, the front, corrections, exclusion, and what the world sees of a study."""

import json
from random import Random

import pytest

from app.services.keys import create_first_key, create_key, revoke_key
from app.services.once import Once, Replay, do_once
from app.services.principal import Principal
from app.services.reading import best, get_study, get_trial, summary
from app.services.studies import create_study, delete_study, patch_study
from app.services.telling import complete
from app.services.trials import patch_trial, retry_trial
from app.storage import reader
from app.storage.transaction import Transaction
from studyhall.errors import (
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidInput,
    LastAdmin,
    NameTaken,
    NotFound,
    StudyBusy,
    StudyImmutable,
    VersionConflict,
)
from studyhall.space import Space
from studyhall.study import Study
from studyhall.wire.claims import Complete
from studyhall.wire.server import CreateKey
from studyhall.wire.studies import CreateStudy, PatchStudy, PatchTrial
from tests.databases import ADMIN, SPACE, STRANGER, House


def run(house: House, study: str, **metrics: float) -> str:
    held = house.hold(study)
    house.do(complete, held.id, Complete(**held.lease, metrics=metrics))
    return held.id


def best_ids(house: House, study: str) -> list[str]:
    found, _ = house.ask(best, principal=ADMIN, name=study)
    return [trial.id for trial in found.trials]


def test_the_best_of_a_study_that_maximizes_is_its_largest(house: House) -> None:
    study = house.study(objectives=[{"metric": "accuracy", "goal": "maximize"}])
    run(house, study.id, accuracy=0.5)
    top = run(house, study.id, accuracy=0.9)
    run(house, study.id, accuracy=0.7)

    assert best_ids(house, study.id) == [top]


def test_a_trial_that_breaks_a_constraint_is_not_the_best(house: House) -> None:
    study = house.study(constraints=["latency_ms <= 20"])
    run(house, study.id, loss=0.1, latency_ms=50.0)
    feasible = run(house, study.id, loss=0.5, latency_ms=10.0)

    assert best_ids(house, study.id) == [feasible]


def test_the_front_of_two_objectives_holds_what_nothing_dominates(house: House) -> None:
    study = house.study(objectives=[{"metric": "loss"}, {"metric": "accuracy", "goal": "maximize"}])
    dominated = run(house, study.id, loss=0.5, accuracy=0.5)
    small = run(house, study.id, loss=0.1, accuracy=0.4)
    good = run(house, study.id, loss=0.4, accuracy=0.9)
    run(house, study.id, loss=0.6, accuracy=0.3)

    front = best_ids(house, study.id)

    assert front == [small, good]
    assert dominated not in front


def test_an_excluded_trial_leaves_the_best_to_another_and_comes_back(house: House) -> None:
    study = house.study()
    first = run(house, study.id, loss=0.1)
    second = run(house, study.id, loss=0.5)

    house.do(patch_trial, first, PatchTrial(excluded=True))
    assert best_ids(house, study.id) == [second]
    house.do(patch_trial, first, PatchTrial(excluded=False))
    assert best_ids(house, study.id) == [first]


def test_a_corrected_value_moves_the_best(house: House) -> None:
    study = house.study()
    first = run(house, study.id, loss=0.1)
    second = run(house, study.id, loss=0.5)

    house.do(patch_trial, first, PatchTrial(metrics={"loss": 0.9}))

    assert best_ids(house, study.id) == [second]


def test_a_correction_finds_the_front_that_all_results_have(house: House) -> None:
    study = house.study(objectives=[{"metric": "loss"}, {"metric": "accuracy", "goal": "maximize"}])
    chance = Random(5)
    points = {run(house, study.id, **point): point for point in (any_point(chance) for _ in range(40))}

    for id in chance.choices(list(points), k=30):
        points[id] = any_point(chance)
        house.do(patch_trial, id, PatchTrial(metrics=points[id]))
        on_front = [each for each, point in points.items() if not any(beats(p, point) for p in points.values())]
        assert best_ids(house, study.id) == on_front


def any_point(chance: Random) -> dict[str, float]:
    """Of so few values that many are equal."""
    return {"loss": chance.randrange(8) / 8, "accuracy": chance.randrange(8) / 8}


def beats(one: dict[str, float], other: dict[str, float]) -> bool:
    return one != other and one["loss"] <= other["loss"] and one["accuracy"] >= other["accuracy"]


@pytest.mark.parametrize("metrics", [["loss"], ["loss", "size"]])
def test_a_correction_writes_no_more_in_a_large_study_than_in_a_small_one(house: House, metrics: list[str]) -> None:
    study = house.study(objectives=[{"metric": metric} for metric in metrics])
    first, *_ = [run(house, study.id, **dict.fromkeys(metrics, 1.0 / (n + 1))) for n in range(50)]

    def corrected(tx: Transaction, principal: Principal) -> int:
        patch_trial(tx, principal, first, PatchTrial(metrics=dict.fromkeys(metrics, 0.5)))
        return tx.writes

    assert house.do(corrected) < 10


def test_final_metrics_must_hold_every_objective(house: House) -> None:
    held = house.hold(house.study().id)

    with pytest.raises(InvalidInput) as refusal:
        house.do(complete, held.id, Complete(**held.lease, metrics={"other": 1.0}))

    assert refusal.value.errors[0].pointer == "/metrics/loss"


def test_a_retry_is_a_new_trial_with_the_same_parameters(house: House) -> None:
    study = house.study()
    first = run(house, study.id, loss=0.1)

    again = house.do(retry_trial, first)

    assert again.retry_of == first
    assert [c.trial.id for c in house.claim(study.id)] == [again.id]


def test_extreme_values_are_kept_bit_for_bit(house: House) -> None:
    study = house.study()
    values = {"loss": -1e308, "tiny": 5e-324, "zero": -0.0, "third": 1 / 3}
    id = run(house, study.id, **values)

    found = house.ask(get_trial, principal=ADMIN, trial_id=id)

    assert {name: value.hex() for name, value in found.metrics.items()} == {n: v.hex() for n, v in values.items()}


def test_a_space_survives_the_database_unchanged(house: House) -> None:
    space = {
        "parameters": [
            {"name": "a", "type": "float", "low": 0.1, "high": 0.30000000000000004},
            {"name": "b", "type": "categorical", "choices": [None, 1, "1", True, 2.5], "default": None},
            {"name": "c", "type": "ordinal", "choices": ["s", "m", "l"], "when": "b in [1, true]"},
        ],
        "constraints": ["a < 0.25 or b == 1"],
    }
    study = house.study(space=space)

    stored = house.ask(get_study, principal=ADMIN, name=study.id).space

    assert stored == Space.model_validate_json(json.dumps(space))
    assert stored.defaults() is None


def test_a_taken_name_is_refused_or_gives_the_study_that_has_it(house: House) -> None:
    study = house.study()
    body = {"name": study.name, "space": SPACE, "objectives": [{"metric": "loss"}]}

    with pytest.raises(NameTaken):
        house.do(create_study, CreateStudy.model_validate_json(json.dumps(body)))
    again = CreateStudy.model_validate_json(json.dumps(body | {"if_exists": "get"}))
    found, made = house.do(create_study, again)

    assert (found.id, made) == (study.id, False)


@pytest.mark.catalogue("ST-017")
def test_a_name_may_be_used_once_in_each_project(house: House) -> None:
    study = house.study()
    body = {"name": study.name, "space": SPACE, "objectives": [{"metric": "loss"}]}

    other, made = house.do(create_study, CreateStudy.model_validate_json(json.dumps(body)), by=STRANGER)

    assert made
    assert other.id != study.id


def test_a_study_of_another_project_does_not_exist(house: House) -> None:
    study = house.study()

    with pytest.raises(NotFound):
        house.ask(get_study, principal=STRANGER, name=study.id)
    with pytest.raises(NotFound):
        house.ask(get_study, principal=STRANGER, name=study.name)


def test_a_change_based_on_an_old_version_is_refused(house: House) -> None:
    study = house.study()
    house.do(patch_study, study.id, PatchStudy(description="new"), version=study.sequence)

    with pytest.raises(VersionConflict):
        house.do(patch_study, study.id, PatchStudy(description="newer"), version=study.sequence)


def test_the_objectives_of_a_study_with_trials_cannot_change(house: House) -> None:
    study = house.study()
    house.claim(study.id)

    with pytest.raises(StudyImmutable):
        house.do(patch_study, study.id, PatchStudy.model_validate_json('{"objectives": [{"metric": "accuracy"}]}'))


@pytest.mark.catalogue("ST-026")
def test_a_study_with_running_trials_is_deleted_only_by_force(house: House) -> None:
    study = house.study()
    house.claim(study.id)

    with pytest.raises(StudyBusy):
        house.do(delete_study, study.id)
    house.do(delete_study, study.id, force=True)

    with pytest.raises(NotFound):
        house.ask(get_study, principal=ADMIN, name=study.id)


def test_a_summary_counts_every_trial(house: House) -> None:
    study = house.study(budget={"max_trials": 10})
    run(house, study.id, loss=0.5)
    house.claim(study.id, count=2)

    found = house.ask(summary, principal=ADMIN, name=study.id, now=house.clock.now)

    assert (found.trials["completed"], found.trials["running"], found.max_trials) == (1, 2, 10)


@pytest.mark.parametrize("sort", ["number", "-number", "value", "-value"])
def test_pages_hold_every_trial_once_in_order(house: House, sort: reader.Sort) -> None:
    study = house.study()
    for n in range(7):
        run(house, study.id, loss=float((n * 5) % 7))
    filter = reader.TrialFilter(sort=sort)

    found, cursor = [], None
    while True:
        page = house.ask(reader.trials_page, study_id=study.id, filter=filter, limit=3, cursor=cursor)
        found += [t.number if "number" in sort else t.metrics["loss"] for t in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == sorted(range(7), reverse=sort.startswith("-"))


def test_a_cursor_of_another_list_is_refused(house: House) -> None:
    first, second = house.study(), house.study()
    for study in (first, second):
        for _ in range(3):
            run(house, study.id, loss=1.0)
    page = house.ask(reader.trials_page, study_id=first.id, filter=reader.TrialFilter(), limit=1, cursor=None)

    for cursor in (page.next_cursor, "rubbish", "AAAA", ""):
        with pytest.raises(InvalidCursor):
            house.ask(reader.trials_page, study_id=second.id, filter=reader.TrialFilter(), limit=1, cursor=cursor)


def test_trials_are_found_by_label(house: House) -> None:
    study = house.study()
    first, _ = run(house, study.id, loss=1.0), run(house, study.id, loss=2.0)
    house.do(patch_trial, first, PatchTrial(labels={"color": 'bl"ue%'}))

    for label in ("color", 'color=bl"ue%'):
        page = house.ask(
            reader.trials_page, study_id=study.id, filter=reader.TrialFilter(label=label), limit=9, cursor=None
        )
        assert [t.id for t in page.items] == [first]


def test_studies_are_found_by_a_literal_part_of_their_name_and_by_label(house: House) -> None:
    study = house.study(name="a_b", labels={"team": "vision"})
    house.study(name="axb")

    by_name = house.ask(reader.studies_page, project="default", limit=9, cursor=None, name="a_b")
    by_label = house.ask(reader.studies_page, project="default", limit=9, cursor=None, label="team=vision")

    assert [s.id for s in by_name.items] == [s.id for s in by_label.items] == [study.id]


def test_a_request_with_the_same_key_is_answered_once(house: House) -> None:
    once = Once("key", "POST /v1/studies", "abc", "hash")
    body = CreateStudy.model_validate_json(
        json.dumps({"name": "n", "space": SPACE, "objectives": [{"metric": "loss"}]})
    )

    def verb(tx: Transaction) -> tuple[Study, int]:
        return create_study(tx, ADMIN, body)[0], 201

    first = house.database.writer.write_now(lambda tx: do_once(tx, once, verb))
    second = house.database.writer.write_now(lambda tx: do_once(tx, once, verb))

    assert not isinstance(first, Replay)
    assert isinstance(second, Replay)
    assert json.loads(second.body)["id"] == first[0].id
    with pytest.raises(IdempotencyKeyReused):
        house.database.writer.write_now(lambda tx: do_once(tx, Once("key", once.route, "abc", "other"), verb))


def test_an_empty_database_gets_one_admin_key(house: House) -> None:
    first = house.database.writer.write_now(create_first_key)
    second = house.database.writer.write_now(create_first_key)

    assert first is not None
    assert (first.scope, second) == ("admin", None)


def test_the_last_admin_key_cannot_be_revoked(house: House) -> None:
    first = house.database.writer.write_now(create_first_key)
    assert first is not None

    with pytest.raises(LastAdmin):
        house.do(revoke_key, first.id)
    house.do(create_key, CreateKey(name="second", scope="admin"))
    house.do(revoke_key, first.id)


def test_every_write_raises_the_sequence_and_every_event_has_its_own(house: House) -> None:
    study = house.study()
    run(house, study.id, loss=1.0)
    run(house, study.id, loss=0.5)

    events = house.ask(reader.events_after, study_id=study.id, after=0, limit=100)

    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences))
    assert sequences[-1] <= house.study_row(study.id).sequence
    assert [e.kind for e in events][:3] == ["study.created", "trial.started", "trial.completed"]
