"""A server that was held up itself, with its machine or by it, takes nothing away for that."""

import asyncio
import json
from functools import partial

import pytest

from app.services.reading import get_trial
from app.services.services import Services
from app.services.studies import create_study
from studyhall.wire.claims import Claim
from studyhall.wire.studies import CreateStudy
from tests.api.people import NoEngines, definition
from tests.databases import ADMIN, Clock, new_token

pytestmark = pytest.mark.anyio
PATIENCE_S = 30.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def until_next_amnesty(services: Services, after: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while services.watch.since <= after:  # noqa: ASYNC110  # nobody tells of an amnesty
            await asyncio.sleep(0)


async def test_a_server_that_was_held_up_judges_nobody_for_one_lease(database_url: str) -> None:
    clock = Clock()
    services = Services(database_url, NoEngines(), clock=clock, monotonic=clock, sweep_s=1e-3)
    await services.start()
    wanted = CreateStudy.model_validate_json(json.dumps(definition()))
    study, _ = await services.write(lambda tx: create_study(tx, ADMIN, wanted))
    claimed, _ = await services.claim(ADMIN, Claim(token=new_token(), worker="w", study=study.id, wait_s=0))
    assert claimed is not None

    held_up_since = clock.now
    clock.move(3600)  # both clocks, at once: the machine was paused
    await until_next_amnesty(services, held_up_since)
    await services.sweep()
    trial = await services.read(partial(get_trial, principal=ADMIN, trial_id=claimed.trials[0].trial.id))
    await services.stop()

    assert trial.state == "running"
