"""SQL of purges and erasure: recordings wherever they are named, numbers wherever they stand."""

from __future__ import annotations

from sqlalchemy import text

_HELD = "EXISTS (SELECT FROM legal_hold WHERE released_at IS NULL AND subject = {})"
#: a call is held with the ticket that came of it, and with whose ticket that is
HELD_CALL = """
EXISTS (SELECT FROM legal_hold WHERE released_at IS NULL AND (
  subject = {0} OR subject IN (
    SELECT held.number FROM ticket held WHERE held.call = {0}
    UNION ALL SELECT 'person:' || held.person_lookup FROM ticket held WHERE held.call = {0})))
"""
IS_THERE = text("""
SELECT EXISTS (SELECT FROM ticket WHERE number = :subject)
    OR EXISTS (SELECT FROM city_ticket WHERE number = :subject)
    OR EXISTS (SELECT FROM call WHERE key = :subject)
""")
IN_NEED = text("""
SELECT base, bool_or(needed) FROM (
  SELECT base, call.ended_at IS NULL OR EXISTS (
      SELECT FROM procrastinate_jobs job
      WHERE job.status IN ('todo', 'doing') AND job.task_name IN ('transcribe_call', 'transcribe_voicemail')
        AND job.args ->> 'call' = call.key) AS needed
  FROM unnest(CAST(:bases AS text[])) AS base
  JOIN call ON call.key = :pbx_id || ':' || regexp_replace(base, '-voicemail$', '')
  UNION ALL SELECT tried.recording, tried.ended_at IS NULL
  FROM callback_attempt tried JOIN callback owed ON owed.id = tried.callback
  WHERE owed.pbx_id = :pbx_id AND tried.recording = ANY(CAST(:bases AS text[]))
  UNION ALL SELECT recording, false FROM follow_up_task
  WHERE pbx_id = :pbx_id AND recording = ANY(CAST(:bases AS text[]))
) AS known GROUP BY base
""")
#: what is recorded, by the column that names it
_ALL = f"""
  SELECT 'call.recording' AS place, pbx_id, recording AS base, ended_at AS at, key AS call,
         caller_number AS number, {HELD_CALL.format("call.key")} AS held FROM call WHERE recording IS NOT NULL
  UNION ALL SELECT 'call.voicemail', pbx_id, voicemail, ended_at, key, caller_number,
         {HELD_CALL.format("call.key")}
  FROM call WHERE voicemail IS NOT NULL
  UNION ALL SELECT 'callback_attempt.recording', owed.pbx_id, tried.recording, tried.ended_at, owed.call,
         owed.number, {HELD_CALL.format("owed.call")}
  FROM callback_attempt tried JOIN callback owed ON owed.id = tried.callback
  WHERE tried.recording IS NOT NULL
  UNION ALL SELECT 'follow_up_task.recording', pbx_id, recording, updated_at, NULL, number,
         {_HELD.format("ticket")} FROM follow_up_task WHERE recording IS NOT NULL
"""
RECORDED = text(f"""
SELECT place, pbx_id, base, held FROM ({_ALL}) AS recorded
WHERE at < :before AND NOT pbx_id || ':' || base = ANY(CAST(:skip AS text[]))
ORDER BY at LIMIT :limit
""")
OF_PERSON = text(f"""
SELECT place, pbx_id, base, held FROM ({_ALL}) AS recorded
WHERE call = ANY(CAST(:calls AS text[])) OR number = ANY(CAST(:numbers AS text[]))
""")
OWNERS = {
    f"{table}.{column}": text(f"UPDATE {table} SET {column} = NULL WHERE {column} = ANY(:bases)")
    for table, column in (
        ("call", "recording"),
        ("call", "voicemail"),
        ("callback_attempt", "recording"),
        ("follow_up_task", "recording"),
    )
}
#: a token stays, and is nobody's once its key is destroyed
FORGET_NUMBERS = (
    text("""
UPDATE call SET caller_number = ''
WHERE caller_number = ANY(CAST(:numbers AS text[])) AND caller_number ~ '^[^~]'
"""),
    text("""
UPDATE callback SET number = CASE WHEN number ~ '^~' THEN number ELSE '' END, updated_at = now(),
    state = CASE WHEN state IN ('wanted', 'placed', 'agent', 'dialing', 'by_person') THEN 'withdrawn'
            ELSE state END
WHERE number = ANY(CAST(:numbers AS text[]))
"""),
    text("""
UPDATE follow_up_task SET number = CASE WHEN number ~ '^~' THEN number ELSE '' END, updated_at = now(),
    state = CASE WHEN state IN ('due', 'dialing', 'by_person') THEN 'given_up' ELSE state END
WHERE number = ANY(CAST(:numbers AS text[]))
"""),
    text("DELETE FROM ticket_contact WHERE phone = ANY(CAST(:numbers AS text[]))"),
)


#: call-backs and follow-ups of which nothing more becomes, and contacts of imported tickets
PURGE_DIALLED = (
    text(f"""
UPDATE callback SET number = '' WHERE number <> '' AND updated_at < :before
  AND state IN ('reached', 'given_up', 'withdrawn', 'seen_to')
  AND NOT {HELD_CALL.format("callback.call")}
"""),
    text(f"""
UPDATE follow_up_task SET number = '' WHERE number <> '' AND updated_at < :before
  AND state IN ('done', 'given_up') AND NOT {_HELD.format("ticket")}
"""),
    text(f"""
DELETE FROM ticket_contact it USING city_ticket
WHERE city_ticket.number = it.ticket AND city_ticket.closed_at < :before AND NOT {_HELD.format("it.ticket")}
"""),
)
