"""What operators ask: the numbers of this process together with those of the database."""

import asyncio
from functools import partial

from app.meters import Stock
from app.services.fleet import OFFLINE_AFTER_S
from app.services.services import Services
from app.storage import reader
from studyhall.errors import Unavailable


async def exposition(services: Services) -> bytes:
    """All metrics as Prometheus reads them; without what the database holds while it is away."""
    try:
        query = partial(reader.stock, now=services.clock(), offline_after_s=OFFLINE_AFTER_S)
        stock = await services.read(query)
    except Unavailable:
        stock = Stock()
    return await asyncio.to_thread(services.meters.exposition, stock)
