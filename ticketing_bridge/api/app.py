"""The API's application, mounted by the web role under ``/api/v1``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from config.catalogue_store import CatalogueStore
from config.delivery_files import DeliveryFiles
from config.hotline import Hotline
from config.settings import Settings
from ticketing_bridge.api import calls, deliveries, problems, tickets
from ticketing_bridge.api.clients import Allowance, Caller, client_book, known_client
from ticketing_bridge.api.creating import creator
from ticketing_bridge.api.guards import Guards
from ticketing_bridge.delivery.house_tickets import HouseTickets
from ticketing_bridge.store.database import Database
from ticketing_bridge.tickets import TicketService
from ticketing_bridge.tickets.office import TicketOffices

PREFIX = "/api/v1"
DESCRIPTION = (
    "Errors are application/problem+json with a stable error_id. Lists give `next`, the cursor of what "
    "follows. Numbers and names of citizens are masked, and absent where a ticket hides them. "
    "Times without a zone are the city's (Asia/Shanghai)."
)


class Me(BaseModel):
    """The client of this token."""

    name: str
    role: str
    unit: str | None
    scopes: list[str]
    per_minute: int
    expires_at: datetime


def utc_now() -> datetime:
    """The one place where the API looks at the clock."""
    return datetime.now(UTC)


def create_api(
    settings: Settings,
    database: Database,
    hotline: Hotline,
    *,
    now: Callable[[], datetime] = utc_now,
    delivery: DeliveryFiles | None = None,
) -> FastAPI:
    """The application. Rules and keys are read when the first ticket is asked for."""
    api = FastAPI(
        title="hotline",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=problems.RESPONSES,
    )

    offices = TicketOffices(settings, hotline)

    def service() -> TicketService:
        return TicketService(offices.current())

    api.state.settings, api.state.database, api.state.now = settings, database, now
    api.state.allowance = Allowance()
    api.state.clients, api.state.creator = client_book(database), creator(database, service, now)
    api.state.catalogue = CatalogueStore(settings.home)
    api.state.tickets = service
    api.state.delivery = delivery or DeliveryFiles(settings.hotline_config, settings.home)
    api.state.house_tickets = HouseTickets(service, now)
    problems.install(api)
    api.add_middleware(Guards)

    @api.get("/me", tags=["client"])
    async def me(caller: Annotated[Caller, Depends(known_client)]) -> Me:
        """Who this token is."""
        client = caller.client
        return Me(
            name=client.name,
            role=client.role,
            unit=client.unit,
            scopes=list(client.scopes),
            per_minute=client.per_minute,
            expires_at=client.expires_at,
        )

    for part in (calls, tickets, deliveries):
        api.include_router(part.router)
    api.openapi = lambda: _described(api)  # type: ignore[method-assign]
    return api


def _described(api: FastAPI) -> dict[str, Any]:
    """The description, with what is read by hand: the message of a webhook."""
    if api.openapi_schema is None:
        made = get_openapi(
            title=api.title, version=api.version, description=api.description, routes=api.routes
        )
        message = deliveries.StatusMessage.model_json_schema(ref_template="#/components/schemas/{model}")
        made["components"]["schemas"]["StatusMessage"] = message
        made["servers"] = [{"url": PREFIX}]
        for path in made["paths"].values():
            for operation in path.values():
                for answer in operation["responses"].values():
                    if "application/problem+json" in answer.get("content", {}):
                        answer["content"].pop("application/json", None)
        api.openapi_schema = made
    return api.openapi_schema
