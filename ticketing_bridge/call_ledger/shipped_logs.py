"""Records of a PBX that is elsewhere: what its agent shipped."""

from __future__ import annotations

from datetime import datetime

from telephony.pbx_logs.cel import parse_cel
from telephony.pbx_logs.queue_log import parse_queue_log
from telephony.pbx_logs.source import SETTLED, PbxLogs
from ticketing_bridge.store.database import Database


class ShippedLogs:
    """The ``LogSource`` of one PBX."""

    def __init__(self, database: Database, pbx_id: str) -> None:
        self._database = database
        self._pbx_id = pbx_id

    async def read(self, begin: datetime, end: datetime) -> PbxLogs:
        """What is here of that time; it tells everything only up to when both logs were read to their end."""
        async with self._database.unit_of_work() as uow:
            cel = await uow.pbx_logs.between(self._pbx_id, "cel", begin, end)
            queue_log = await uow.pbx_logs.between(self._pbx_id, "queue_log", begin, end)
            since, cel_read = await uow.pbx_logs.reach(self._pbx_id, "cel")
            _, queue_log_read = await uow.pbx_logs.reach(self._pbx_id, "queue_log")
        both = cel_read and queue_log_read and min(cel_read, queue_log_read) - SETTLED
        return PbxLogs(parse_cel(cel), parse_queue_log(queue_log), since, both or None)
