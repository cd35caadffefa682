"""The receiver of what agents beside remote PBXs ship: HTTPS with a certificate made at installation."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from config.settings import ANYWHERE, Settings
from facts.errors import HotlineError
from telephony.pbx_logs.files import cel_time, queue_log_time
from ticketing_bridge.house import House
from ticketing_bridge.roles.web import listening_socket
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.pbx_log_repository import LogLine
from ticketing_bridge.store.sealed_files import read_head, sealed_path

log = structlog.get_logger(__name__)

_TIME_OF = {"cel": cel_time, "queue_log": queue_log_time}
#: a request holds no more (bytes)
MOST_BYTES = 2 * 1024 * 1024
MOST_RECORDING_BYTES = 500 * 1024 * 1024
_FILE = re.compile(r"[0-9]{1,20}-[0-9a-f]{8}\Z")
_RECORDING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}\.wav\Z")
_VALID_DAYS = 3650


class ReceiverOff(HotlineError):
    """No port is set for the receiver."""

    error_id = "receiver-off"


class ReadMark(BaseModel):
    """A log was read to its end at this time (epoch seconds, the PBX machine's clock)."""

    as_of: float


def certificate(home: Path, hosts: tuple[str, ...]) -> tuple[Path, Path]:
    """Certificate and key of the receiver; made on first use, the key for its owner alone."""
    public, private = home / "pbx-receiver.crt", home / "pbx-receiver.key"
    if public.exists() and private.exists():
        return public, private
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hotline pbx receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_san(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return public, private


def receiver_hosts(settings: Settings) -> tuple[str, ...]:
    """Names under which agents may know the receiver, the one for other machines first."""
    hosts = dict.fromkeys((settings.advertise_host or "", settings.bind_host, "127.0.0.1", "localhost"))
    return tuple(host for host in hosts if host and host not in ANYWHERE)


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def create_receiver(house: House, database: Database) -> FastAPI:
    """The receiver's endpoints; every one wants the token of the PBX that its path names."""
    app = FastAPI(title="hotline pbx receiver", docs_url=None, redoc_url=None, openapi_url=None)
    folders = {site.id: site.recordings for site in house.sites}

    def shown_token(request: Request, pbx_id: str) -> str:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        wanted = house.secrets.ship_token(pbx_id)
        if pbx_id not in folders or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise HTTPException(401, "unknown PBX or wrong token")
        return pbx_id

    app.include_router(_logs(database, shown_token), prefix="/pbx/{pbx_id}/logs")
    app.include_router(_recordings(folders, shown_token), prefix="/pbx/{pbx_id}/recordings")
    return app


def _logs(database: Database, shown_token: Callable[..., str]) -> APIRouter:
    router = APIRouter()

    def kind_of(kind: str) -> str:
        if kind not in _TIME_OF:
            raise HTTPException(404, "no such log")
        return kind

    @router.get("")
    async def have(pbx: str = Depends(shown_token)) -> dict[str, dict[str, int]]:
        async with database.unit_of_work() as uow:
            return await uow.pbx_logs.have(pbx)

    @router.post("/{kind}")
    async def take(
        request: Request,
        file: str,
        offset: int,
        pbx: str = Depends(shown_token),
        kind: str = Depends(kind_of),
    ) -> dict[str, int]:
        if not _FILE.match(file) or offset < 0:
            raise HTTPException(422, "file or offset is not one")
        data = await _body(request)
        lines = lines_of(data, offset, kind)
        async with database.unit_of_work() as uow:
            known = (await uow.pbx_logs.have(pbx)).get(kind, {}).get(file, 0)
            if offset > known:
                raise HTTPException(409, f"bytes from {known} on are missing")
            await uow.pbx_logs.add(pbx, kind, file, lines, offset + len(data), datetime.now(UTC))
        return {"have": offset + len(data)}

    @router.post("/{kind}/read")
    async def read(
        mark: ReadMark, pbx: str = Depends(shown_token), kind: str = Depends(kind_of)
    ) -> dict[str, bool]:
        async with database.unit_of_work() as uow:
            await uow.pbx_logs.read_to_the_end(pbx, kind, datetime.fromtimestamp(mark.as_of, UTC))
        return {"ok": True}

    return router


def _recordings(folders: Mapping[str, Path], shown_token: Callable[..., str]) -> APIRouter:
    router = APIRouter()

    @router.get("/{name}")
    async def have(name: str, size: int, sha256: str, pbx: str = Depends(shown_token)) -> dict[str, int]:
        return {"have": await asyncio.to_thread(_have, _target(folders[pbx], name), size, sha256)}

    @router.post("/{name}")
    async def take(
        request: Request, name: str, size: int, sha256: str, offset: int, pbx: str = Depends(shown_token)
    ) -> dict[str, int]:
        if not 0 <= offset <= size <= MOST_RECORDING_BYTES:
            raise HTTPException(422, "size or offset is not one")
        data = await _body(request)
        target = _target(folders[pbx], name)
        return {"have": await asyncio.to_thread(_write, target, offset, data, size, sha256)}

    return router


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise HTTPException(413, f"{MOST_BYTES} bytes are the most")
    return bytes(data)


def lines_of(data: bytes, offset: int, kind: str) -> list[LogLine]:
    """Whole lines with their places; one that has no time takes the time of the line before it."""
    found: list[LogLine] = []
    at = 0.0
    for raw in data.splitlines(keepends=True):
        at = _TIME_OF[kind](raw) or at
        text = raw.decode("utf-8", "replace").rstrip("\r\n").replace("\x00", "\ufffd")
        found.append(LogLine(offset, datetime.fromtimestamp(at, UTC), text))
        offset += len(raw)
    return found


def _target(folder: Path, name: str) -> Path:
    if not _RECORDING.match(name):
        raise HTTPException(422, "that is no recording's name")
    return folder / name


def _have(target: Path, size: int, sha256: str) -> int:
    if target.exists() and target.stat().st_size == size and _digest(target) == sha256:
        return size
    if _sealed(target, sha256):
        return size
    part = target.with_suffix(".part")
    return part.stat().st_size if part.exists() and part.stat().st_size < size else 0


def _sealed(target: Path, sha256: str) -> bool:
    """Whether it is here already, and was sealed since."""
    try:
        return read_head(sealed_path(target.parent, target.name)).sha256 == sha256
    except FileNotFoundError:
        return False


def _write(target: Path, offset: int, data: bytes, size: int, sha256: str) -> int:
    """A piece at its place; when the last is there and the whole is right, the recording appears at once."""
    part = target.with_suffix(".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    if offset > have:
        return have
    with part.open("r+b" if part.exists() else "wb") as file:
        file.seek(offset)
        file.write(data)
        file.truncate(offset + len(data))
    have = offset + len(data)
    if have < size:
        return have
    if _digest(part) != sha256:
        part.unlink()
        return 0
    part.replace(target)
    return size


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def run_pbx_receiver(house: House) -> None:
    """Receive until cancelled.

    Raises:
        ReceiverOff: HOTLINE_RECEIVER_PORT is not set.
    """
    settings = house.settings
    port = settings.receiver_port
    if port is None:
        raise ReceiverOff("the receiver has no port", fix="set HOTLINE_RECEIVER_PORT")
    public, private = certificate(settings.home, receiver_hosts(settings))
    with listening_socket(settings.bind_host, port) as listener:
        async with house.database(connections=3) as database:
            config = uvicorn.Config(
                create_receiver(house, database),
                ssl_certfile=str(public),
                ssl_keyfile=str(private),
                http="h11",
                log_config=None,
                access_log=False,
                lifespan="off",
            )
            log.info("receiver serves", address=f"https://{settings.bind_host}:{port}/")
            await uvicorn.Server(config).serve(sockets=[listener])
