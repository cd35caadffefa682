"""Queries about what was heard and what was drafted from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, null, select, text
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.identity import CallKey
from facts.transcript import Leg, LiveText, Transcript
from ticketing_bridge.store import tables
from ticketing_bridge.store.mapping import (
    stored_transcript,
    transcript_to_json,
    words_from_json,
    words_to_json,
)
from ticketing_bridge.store.records import (
    DraftRecord,
    Json,
    LiveSegment,
    LiveStreamRecord,
    RecordedCall,
    StoredTranscript,
    TranscriptVersion,
)
from ticketing_bridge.store.seals import WordSeals, draft_place, live_place, transcript_place

#: purpose of a draft that is for a person only
_REPORT = "举报"


class LiveRepository:
    """Streams that were tapped and the final texts heard in them."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals) -> None:
        self._connection = connection
        self._seals = seals

    async def stream_started(
        self, stream: str, call: CallKey, leg: Leg, *, offset_s: float, model: str | None = None
    ) -> None:
        """A leg is heard from ``offset_s`` after the call's arrival. A second start is no error."""
        values = {"stream": stream, "call": str(call), "leg": leg, "offset_s": offset_s, "model": model}
        await self._connection.execute(insert(tables.live_stream).values(values).on_conflict_do_nothing())

    async def stream_ended(self, stream: str, ending: str = "closed") -> None:
        """Nothing more comes from this stream. The first ending stays."""
        table = tables.live_stream
        await self._connection.execute(
            table.update()
            .where(table.c.stream == stream, table.c.ended_at.is_(None))
            .values(ended_at=func.now(), ending=ending)
        )

    async def streams_of(self, call: CallKey) -> list[LiveStreamRecord]:
        """A call's streams, oldest first."""
        table = tables.live_stream
        rows = await self._rows(
            select(table).where(table.c.call == str(call)).order_by(table.c.started_at, table.c.stream)
        )
        return [LiveStreamRecord(**{**row, "leg": Leg(row["leg"])}) for row in rows]

    async def add_segment(self, heard: LiveText, *, stream: str = "") -> bool:
        """Keep a final text; False when it is there already. ``segment`` counts within ``stream``.

        Raises:
            ValueError: a partial text, which is never stored.
        """
        if not heard.final:
            raise ValueError("partial texts are not stored")
        said = {"text": heard.text, "words": words_to_json(heard.words)}
        place = live_place(heard.call, heard.leg, stream, heard.segment)
        plain, sealed = await self._seals.closed(heard.call, said, place)
        values = {
            "call": heard.call,
            "leg": heard.leg,
            "stream": stream,
            "segment": heard.segment,
            "start_s": heard.start_s,
            "end_s": heard.end_s,
            "sealed": sealed,
            **(plain or {}),
        }
        insertion = insert(tables.live_segment).values(values).on_conflict_do_nothing()
        return (
            await self._connection.execute(insertion.returning(tables.live_segment.c.id))
        ).first() is not None

    async def segments_of(self, call: CallKey) -> list[LiveSegment]:
        """A call's live texts of both legs in the order of their beginning."""
        table = tables.live_segment
        query = select(table).where(table.c.call == str(call)).order_by(table.c.start_s, table.c.id)
        return await opened_segments(self._seals, await self._rows(query))

    async def _rows(self, query: Any) -> Sequence[Mapping[Any, Any]]:
        return (await self._connection.execute(query)).mappings().all()


async def opened_segments(seals: WordSeals, rows: Sequence[Mapping[Any, Any]]) -> list[LiveSegment]:
    """Rows of table ``live_segment``; those whose key is destroyed are left out."""
    found = []
    for row in rows:
        place = live_place(row["call"], row["leg"], row["stream"], row["segment"])
        said = await seals.opened(row, row["sealed"], place)
        if said is not None:
            found.append(_segment(row, said))
    return found


def _segment(row: Mapping[Any, Any], said: Mapping[Any, Any]) -> LiveSegment:
    plain = ("call", "stream", "segment", "start_s", "end_s", "heard_at")
    return LiveSegment(
        **{name: row[name] for name in plain},
        leg=Leg(row["leg"]),
        text=said["text"],
        words=words_from_json(said["words"]),
    )


class TranscriptRepository:
    """The transcript from the live words, and the one of record."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals) -> None:
        self._connection = connection
        self._seals = seals

    async def put(
        self, call: CallKey, kind: str, transcript: Transcript, *, audio_digest: str | None = None
    ) -> None:
        """Keep a transcript (``kind``: ``live`` or ``record``); one of another model stays beside it."""
        place = transcript_place(str(call), kind, transcript.model)
        plain, sealed = await self._seals.closed(str(call), transcript_to_json(transcript), place)
        values = {
            "call": str(call),
            "kind": kind,
            "model": transcript.model,
            "content": null() if plain is None else plain,
            "sealed": sealed,
            "audio_digest": audio_digest,
            "made_at": func.clock_timestamp(),
        }
        insertion = insert(tables.transcript).values(values)
        await self._connection.execute(
            insertion.on_conflict_do_update(index_elements=["call", "kind", "model"], set_=values)
        )

    async def get(self, call: CallKey, kind: str) -> StoredTranscript | None:
        """The newest transcript of this kind, None when there is none yet."""
        table = tables.transcript
        query = select(table).where(table.c.call == str(call), table.c.kind == kind)
        newest = query.order_by(table.c.made_at.desc(), table.c.model).limit(1)
        return await self._opened((await self._connection.execute(newest)).mappings().first())

    async def _opened(self, row: Mapping[Any, Any] | None) -> StoredTranscript | None:
        return None if row is None else await opened_transcript(self._seals, row)

    async def versions(self, call: CallKey) -> list[TranscriptVersion]:
        """What there is of a call, the newest first: kinds and models, without the words."""
        table = tables.transcript
        columns = (table.c.kind, table.c.model, table.c.made_at, table.c.audio_digest)
        query = select(*columns).where(table.c.call == str(call)).order_by(table.c.made_at.desc())
        return [TranscriptVersion(**row) for row in (await self._connection.execute(query)).mappings()]

    async def recorded_calls(self) -> list[RecordedCall]:
        """Every answered call that ended with a recording, and which model made its transcript of record."""
        return [RecordedCall(**row) for row in (await self._connection.execute(_RECORDED)).mappings()]

    async def of_model(self, call: CallKey, kind: str, model: str) -> StoredTranscript | None:
        """The transcript of this kind and model."""
        table = tables.transcript
        query = select(table).where(table.c.call == str(call), table.c.kind == kind, table.c.model == model)
        return await self._opened((await self._connection.execute(query)).mappings().first())


async def opened_transcript(seals: WordSeals, row: Mapping[Any, Any]) -> StoredTranscript | None:
    """A row of table ``transcript``; None when its key is destroyed."""
    place = transcript_place(row["call"], row["kind"], row["model"])
    content = await seals.opened(row["content"], row["sealed"], place)
    return None if content is None else stored_transcript(row, content)


#: a job that waits will hear with the model that is set then
_RECORDED = text("""
SELECT call.key AS call, newest.model, EXISTS (
    SELECT FROM procrastinate_jobs job
    WHERE job.task_name = 'transcribe_call' AND job.status = 'todo' AND job.args->>'call' = call.key
) AS waiting
FROM call LEFT JOIN LATERAL (
    SELECT model FROM transcript
    WHERE transcript.call = call.key AND kind = 'record' ORDER BY made_at DESC LIMIT 1
) newest ON true
WHERE call.recording IS NOT NULL AND call.answered_at IS NOT NULL AND call.ended_at IS NOT NULL
ORDER BY call.arrived_at, call.key
""")


Drafts = list[DraftRecord]


class DraftRepository:
    """Draft tickets; every version stays."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals) -> None:
        self._connection = connection
        self._seals = seals

    async def put(self, call: CallKey, version: int, source: str, content: Json) -> bool:
        """Keep a version; False when this version is there already (a job that ran twice)."""
        plain, sealed = await self._seals.closed(str(call), content, draft_place(str(call), version))
        values = {
            "call": str(call),
            "version": version,
            "source": source,
            "content": null() if plain is None else dict(plain),
            "sealed": sealed,
            "sensitive": is_sensitive(content),
        }
        insertion = insert(tables.draft).values(values).on_conflict_do_nothing()
        return (
            await self._connection.execute(insertion.returning(tables.draft.c.version))
        ).first() is not None

    async def latest(self, call: CallKey) -> DraftRecord | None:
        """The newest version, None when there is no draft yet."""
        table = tables.draft
        query = select(table).where(table.c.call == str(call)).order_by(table.c.version.desc()).limit(1)
        found = await self._drafts((await self._connection.execute(query)).mappings().all())
        return found[0] if found else None

    async def list(self, *, call: CallKey | None = None, limit: int | None = 200) -> list[DraftRecord]:
        """All versions of one call, or the newest version of each call; newest first."""
        table = tables.draft
        if call is not None:
            query = select(table).where(table.c.call == str(call)).order_by(table.c.version.desc())
        else:
            newest = (
                select(table)
                .ext(distinct_on(table.c.call))
                .order_by(table.c.call, table.c.version.desc())
                .subquery()
            )
            query = select(newest).order_by(newest.c.created_at.desc())
        return await self._drafts((await self._connection.execute(query.limit(limit))).mappings().all())

    async def _drafts(self, rows: Sequence[Mapping[Any, Any]]) -> Drafts:
        """Those whose key is not destroyed."""
        await self._seals.fetch_keys(row["sealed"] for row in rows)
        found = [await opened_draft(self._seals, row) for row in rows]
        return [it for it in found if it is not None]


async def opened_draft(seals: WordSeals, row: Mapping[Any, Any]) -> DraftRecord | None:
    """A row of table ``draft``; None when its key is destroyed."""
    place = draft_place(row["call"], row["version"])
    content = await seals.opened(row["content"], row["sealed"], place)
    if content is None:
        return None
    plain = {name: row[name] for name in ("call", "version", "source", "created_at")}
    return DraftRecord(**plain, content=content)


def is_sensitive(content: Json) -> bool:
    """Whether a draft is a report, or its caller asked to be kept secret."""

    def value(field: str) -> str:
        found = content.get(field)
        return str(found.get("value")) if isinstance(found, Mapping) else ""

    return value("purpose") == _REPORT or value("confidential").lower() == "true"
