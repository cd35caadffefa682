"""Nodes that do something for the caller: a message, a call-back, an answer, an emergency number."""

from __future__ import annotations

from facts.caller_session import JourneyFact, ProgressAnswer
from ivr_flows.nodes import Branch, CallbackOffer, Lookup, Record, target_of
from ivr_flows.questions import ask_key
from ivr_flows.texts import fill
from ivr_flows.walk import Told, Walk


async def take_message(walk: Walk, node: Record, told: Told) -> None:
    """Record a message that is long enough, or go on without one."""
    told.target = node.otherwise
    prompts = node.record
    for _ in range(node.attempts):
        await walk.say(prompts)
        walk.pending = ""
        message = await walk.session.record(most_ms=node.most_ms, silence_ms=node.silence_ms)
        told.keys += message.key or ""
        if message.ms >= node.shortest_ms:
            told.target = node.next
            await walk.report(JourneyFact.VOICEMAIL, {"File": message.file, "Ms": str(message.ms)})
            return
        prompts = (*(node.too_short or ()), *node.record)


async def offer_callback(walk: Walk, node: CallbackOffer, told: Told) -> None:
    """Ask whether to phone back; the promise counts when the house has it."""
    number = fill(node.number, walk.context)
    told.target = node.otherwise
    if not number:
        told.target = node.withheld or node.otherwise
        return
    before: tuple[str, ...] = ()
    for _ in range(node.attempts):
        key = await ask_key(walk, node, node.callback_offer, before, node.timeout_ms)
        if key is None:
            return
        told.keys += key
        if key == node.key:
            await _promise(walk, node, number, told)
            return
        if key in node.keys:
            told.target = target_of(node.keys[key])
            return
        before = (node.wrong if key else node.silence) or ()


async def _promise(walk: Walk, node: CallbackOffer, number: str, told: Told) -> None:
    queue = walk.context["queue.id"]
    line = walk.context.get("line.id", "")
    kept = await walk.asked(walk.services.request_callback(walk.session.call, number, line, queue))
    if kept:
        told.target = node.next
        await walk.report(JourneyFact.CALLBACK, {"Status": "confirmed", "Queue": queue})
    elif kept is None:
        await walk.say(node.unavailable or ())
    else:
        told.target = node.refused or node.otherwise


async def look_up(walk: Walk, node: Lookup, told: Told) -> None:
    """Tell a ticket's progress. An answer heard to its end is what the caller phoned for."""
    digits = walk.context[f"collected.{node.digits_variable}"]
    number = walk.context[f"collected.{node.number_variable}"] if node.number_variable else ""
    await walk.say(node.lookup, whole=True)
    caller = walk.session.caller_number
    progress = await walk.asked(walk.services.ticket_progress(number, digits, caller))
    branch: Branch = node.unavailable
    if progress is not None:
        branch = {
            ProgressAnswer.FOUND: node.found,
            ProgressAnswer.UNKNOWN: node.unknown,
            ProgressAnswer.LOCKED: node.locked,
        }[progress.answer]
        walk.context["lookup.text"] = progress.text
    told.target = branch.next
    heard = await walk.say(branch.say)
    if heard and branch is node.found:
        await walk.report(JourneyFact.SELF_SERVICE, {"Kind": "progress"})
