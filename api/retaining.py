"""Retention, applied beside whatever drives the projections: by one process among all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from api.app import Erasing, open_erasing
from domain.ports import Recorded
from domain.retention import Retention
from infrastructure.background import for_ever
from infrastructure.folder import Folder
from infrastructure.leadership import lead
from infrastructure.settings import Settings, SettingsError
from projections.archive import exported, goes_further
from projections.overdue import OverdueVisitors

LOCK = 0x76_62_5F_72_65_74_61
"""An advisory lock: of the one process that looks for what has become too old."""

PROJECTIONS_SECONDS = 60.0
"""How long projections have to take in what there is, before it is asked of them who is too old."""


def build_retention(settings: Settings, erasing: Erasing) -> Retention:
    """What the settings ask for. Raises SettingsError where they ask for none."""
    if settings.retention_days is None:
        raise SettingsError("VERBATIM_RETENTION_DAYS", "", "give a number of days, such as 365")
    folder = settings.retention_export_dir
    return Retention(
        erasing.store,
        erasing.erasure,
        OverdueVisitors(erasing.database.fetch_slowly),
        erasing.clock,
        timedelta(days=settings.retention_days),
        partial(_export, Folder(folder)) if folder else None,
    )


@asynccontextmanager
async def retaining(settings: Settings, conninfo: str) -> AsyncIterator[None]:
    """Meanwhile, apply the settings' retention, if they have one, whenever no other process does."""
    if settings.retention_days is None:
        yield
        return
    async with open_erasing(settings, conninfo) as erasing:
        retention = build_retention(settings, erasing)

        async def work() -> None:
            # Projections that have just been begun know of nothing yet, and the next look is far away.
            await erasing.erasure.have_passed(await erasing.log.latest(), PROJECTIONS_SECONDS)
            await retention.run()

        async with (
            for_ever("tidying up", erasing.erasure.keep_tidy),
            for_ever("retention", partial(lead, conninfo, LOCK, work)),
        ):
            yield


async def _export(folder: Folder, history: Sequence[Recorded]) -> None:
    name = f"{history[0].session.session_id}.json"
    await asyncio.to_thread(folder.keep, name, exported(history), goes_further)
