"""The database and its unit of work: one transaction, all repositories, ids told to listeners."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from ticketing_bridge.store.agent_repository import AgentRepository, MoveRepository, WishRepository
from ticketing_bridge.store.api_repository import ApiRepository
from ticketing_bridge.store.audit_chain import AuditChainRepository
from ticketing_bridge.store.batch import Batch, pipelined
from ticketing_bridge.store.call_repositories import CallRepository, EventRepository
from ticketing_bridge.store.callback_repository import CallbackRepository
from ticketing_bridge.store.catalogue_repository import CatalogueRepository
from ticketing_bridge.store.clear_numbers import ClearNumbersRepository
from ticketing_bridge.store.clear_repository import ClearRepository
from ticketing_bridge.store.delivery_repository import DeliveryRepository
from ticketing_bridge.store.desk_ticket_repository import (
    ApprovalRepository,
    DataKeyRepository,
    DeskTicketRepository,
)
from ticketing_bridge.store.errors import DatabaseAway, libpq_url, sqlalchemy_url
from ticketing_bridge.store.follow_up_repository import FollowUpRepository
from ticketing_bridge.store.gap_repository import GapRepository
from ticketing_bridge.store.job_repository import JobRepository
from ticketing_bridge.store.journey_repository import JourneyRepository
from ticketing_bridge.store.keeping_repository import (
    KeepingRepository,
    UndertakingRepository,
    WarningRepository,
)
from ticketing_bridge.store.kept_phones import KeptPhones
from ticketing_bridge.store.knowledge_repository import KnowledgeRepository
from ticketing_bridge.store.leadership import Leadership
from ticketing_bridge.store.notice_repository import NoticeRepository, QueueStateRepository
from ticketing_bridge.store.notifications import Notifications
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.outbox_repository import OutboxRepository
from ticketing_bridge.store.pbx_log_repository import PbxLogRepository
from ticketing_bridge.store.people_repositories import AccountRepository, AuditRepository
from ticketing_bridge.store.phone_repository import PhoneRepository
from ticketing_bridge.store.rate_books import RateBooks
from ticketing_bridge.store.rate_repository import RateRepository
from ticketing_bridge.store.rate_row_repository import RateRows
from ticketing_bridge.store.saving_repository import SavingRepository
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.store.seals import Seals, WordSeals
from ticketing_bridge.store.search_repository import SearchRepository
from ticketing_bridge.store.ticket_repository import TicketRepository
from ticketing_bridge.store.ticket_writing import TicketWriting
from ticketing_bridge.store.wall_repository import WallRepository
from ticketing_bridge.store.word_repositories import (
    DraftRepository,
    LiveRepository,
    TranscriptRepository,
)
from ticketing_bridge.store.workplace_repository import DraftLedgerRepository, SheetRepository

#: how long a connection may take to be made, in seconds
CONNECT_TIMEOUT_S = 3

_TELL = """
SELECT pg_notify(channel, payload) FROM jsonb_to_recordset(%(rows)s) AS it (channel text, payload text)
"""


def _refuse_hung_up(connection: Any, *_: object) -> None:
    """A connection that the server has left is not taken from the pool: its socket has something to say.

    Asking the server (``pool_pre_ping``) would cost a way there and back for each transaction.
    """
    pgconn = connection.driver_connection.pgconn
    waiting = select.poll()
    waiting.register(pgconn.socket, select.POLLIN)
    if waiting.poll(0):
        raise InvalidatePoolError("the server has closed it")


class UnitOfWork:
    """One transaction. What is done here happens together, or not at all."""

    def __init__(self, connection: AsyncConnection, vault: Vault | None = None) -> None:
        self.connection = connection
        self.keys = DataKeyRepository(connection)
        #: None: this database was opened without the installation's key
        self.seals = Seals(self.keys, vault) if vault else None
        words = WordSeals(self.seals)
        self.numbers = Numbers(connection, vault)
        self.kept_phones = KeptPhones(vault)
        self.events = EventRepository(connection, self.numbers)
        self.calls = CallRepository(connection, self.numbers)
        self.gaps = GapRepository(connection, self.numbers)
        self.pbx_logs = PbxLogRepository(connection, self.numbers)
        self.live = LiveRepository(connection, words)
        self.transcripts = TranscriptRepository(connection, words)
        self.drafts = DraftRepository(connection, words)
        self.users = AccountRepository(connection)
        self.audit = AuditRepository(connection, self.seals)
        self.audit_chain = AuditChainRepository(connection)
        self.clear = ClearRepository(connection, words)
        self.clear_numbers = ClearNumbersRepository(connection, self.numbers, self.kept_phones)
        self.search = SearchRepository(connection, words, vault, self.numbers)
        self.jobs = JobRepository(connection)
        self.tickets = TicketRepository(connection, self.numbers, self.kept_phones)
        self.desk_tickets = DeskTicketRepository(connection, self.kept_phones)
        self.ticket_writing = TicketWriting(connection, self.kept_phones)
        self.approvals = ApprovalRepository(connection)
        self.keeping = KeepingRepository(connection, self.numbers)
        self.undertakings = UndertakingRepository(connection)
        self.warnings = WarningRepository(connection)
        self.notices = NoticeRepository(connection)
        self.queues = QueueStateRepository(connection)
        self.callbacks = CallbackRepository(connection, self.numbers)
        self.follow_ups = FollowUpRepository(connection, self.numbers)
        self.journeys = JourneyRepository(connection)
        self.rates = RateRepository(connection, self.numbers)
        self.rate_rows = RateRows(connection, self.numbers)
        self.rate_books = RateBooks(connection)
        self.agents = AgentRepository(connection)
        self.wishes = WishRepository(connection)
        self.moves = MoveRepository(connection)
        self.wall = WallRepository(connection)
        self.outbox = OutboxRepository(connection)
        self.api = ApiRepository(connection)
        self.catalogue = CatalogueRepository(connection)
        self.deliveries = DeliveryRepository(connection)
        self.knowledge = KnowledgeRepository(connection)
        self.phones = PhoneRepository(connection)
        self.sheets = SheetRepository(connection, words)
        self.saving = SavingRepository(connection, words, self.numbers)
        self.draft_ledger = DraftLedgerRepository(connection)

    @asynccontextmanager
    async def unanswered(self) -> AsyncIterator[None]:
        """Statements in this block are sent one after the other, without waiting for an answer between them.

        One round trip for all. Nothing may be read of their results; what went wrong is raised at the end.
        Numbers that are written in it are asked for before (``know``).

        Raises:
            DBAPIError: the first thing that went wrong, as if its statement had been executed alone.
        """
        self.numbers.asking = False
        try:
            async with pipelined(self.connection):
                yield
        finally:
            self.numbers.asking = True

    def batch(self) -> Batch:
        """Statements that are to be sent together."""
        return Batch(self.connection)

    def tell(self, batch: Batch, channel: str, payload: str) -> None:
        """The same as ``notify``, together with what it is about."""
        batch.rows(_TELL, [{"channel": channel, "payload": payload}])

    async def notify(self, channel: str, *payloads: str) -> None:
        """Tell listeners ids when the transaction commits; equal ones are told once."""
        if payloads:
            statement = text("SELECT pg_notify(:channel, it) FROM unnest(CAST(:payloads AS text[])) AS it")
            await self.connection.execute(statement, {"channel": channel, "payloads": [*payloads]})


class Database:
    """A PostgreSQL with our schema. Opens connections only when they are needed.

    ``async with Database(url) as database`` closes them at the end. With the installation's key (``vault``)
    words of calls are sealed when they are kept; what serves a house opens it so (``House.database``).
    """

    def __init__(self, url: str, vault: Vault | None = None, *, connections: int = 8) -> None:
        self.url = libpq_url(url)
        self.vault = vault
        self._engine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=connections,
            max_overflow=2,
            pool_timeout=5,
            # an error's text goes into logs, and what was to be stored may be a citizen's name
            hide_parameters=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "hotline"},
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_hung_up)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give all connections back."""
        await self._engine.dispose()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """One transaction: committed when the block ends well, else rolled back.

        Raises:
            DatabaseAway: it cannot be reached, or went away before the commit was acknowledged.
        """
        try:
            async with self._engine.begin() as connection:
                yield UnitOfWork(connection, self.vault)
        except (OperationalError, InterfaceError, PoolTimeout) as problem:
            raise DatabaseAway.because(problem) from problem
        except DBAPIError as problem:
            if problem.connection_invalidated:
                raise DatabaseAway.because(problem) from problem
            raise

    async def ping(self) -> None:
        """Does it answer? Raises ``DatabaseAway`` when not."""
        async with self.unit_of_work() as uow:
            await uow.connection.execute(text("SELECT 1"))

    def listen(self, *channels: str) -> Notifications:
        """Ids told by ``uow.notify``: ``async with database.listen("hotline_call") as notifications``."""
        return Notifications(self.url, channels)

    def leadership(self, name: str) -> Leadership:
        """The right to be the only one of this name: ``async with database.leadership("telephony:city")``."""
        return Leadership(self.url, name)
