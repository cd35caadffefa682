"""Nodes that ask: by keys, by digits, by speech."""

from __future__ import annotations

from collections.abc import Sequence

from facts.caller_session import JourneyFact, Utterance
from ivr_flows.nodes import Ask, Asking, Choice, Collect, Menu, Survey, target_of
from ivr_flows.walk import Told, Walk

#: milliseconds that a caller has to say no when asked back; saying nothing means yes
CONFIRM_MS = 2500
#: what a caller says, or presses, to whom the wrong answer was read back
NO_WORDS = ("不对", "不是", "错了", "不")
NO_KEY = "2"
_CONFIRM_PHRASES = ("对", "是", "是的", "对的", *NO_WORDS)


async def ask_menu(walk: Walk, node: Menu, told: Told) -> None:
    """Ask for one of the keys until it is right or the tries are used up."""
    told.target = node.otherwise
    before: Sequence[str] = ()
    for _ in range(node.attempts):
        key = await ask_key(walk, node, node.menu, before, node.timeout_ms)
        if key is None:
            return
        told.keys += key
        if key in node.keys:
            choice = node.keys[key]
            told.target = target_of(choice)
            await walk.answered(node.answer, choice.value if isinstance(choice, Choice) else key)
            return
        before = (node.wrong if key else node.silence) or ()


async def ask_survey(walk: Walk, node: Survey, told: Told) -> None:
    """Ask for a judgement."""
    told.target = node.otherwise
    before: Sequence[str] = ()
    for _ in range(node.attempts):
        key = await ask_key(walk, node, node.survey, before, node.timeout_ms)
        if key is None:
            return
        told.keys += key
        if key in node.scores:
            told.target = node.next
            await walk.report(JourneyFact.SURVEY, {"Score": str(node.scores[key])})
            return
        before = (node.wrong if key else node.silence) or ()


async def ask_key(
    walk: Walk, node: Asking, question: Sequence[str], before: Sequence[str], timeout_ms: int
) -> str | None:
    """One try: the key, "" for silence, None when there was nothing to ask with."""
    prompts = await _prompts(walk, node, question, before)
    if walk.pending:
        return walk.take_pending()
    if prompts is None:
        return None
    while True:
        read = await walk.session.collect(
            prompts, max_digits=1, terminator="", first_timeout_ms=timeout_ms, between_timeout_ms=timeout_ms
        )
        if not read.digits or not walk.is_stray(read.digits):
            return read.digits


async def _prompts(
    walk: Walk, node: Asking, question: Sequence[str], before: Sequence[str]
) -> list[str] | None:
    """The sounds to ask with, None when there are none; what must be heard in full is played here."""
    if walk.pending and node.barge_in:
        return []
    asked = await walk.sounds(question)
    if not asked:
        return None
    sounds = await walk.sounds(before) + asked
    if node.barge_in:
        return sounds
    walk.pending = ""
    await walk.session.say(sounds, interrupt_keys="")
    return []


async def ask_digits(walk: Walk, node: Collect, told: Told) -> None:
    """Read a number until it is long enough or the tries are used up."""
    told.target = node.otherwise
    before: Sequence[str] = ()
    for _ in range(node.attempts):
        prompts = await _prompts(walk, node, node.collect, before)
        if prompts is None and not walk.pending:
            return
        digits = await _digits(walk, node, prompts or [])
        told.keys += "*" * len(digits) if node.hidden else digits
        if len(digits) >= node.min_digits:
            told.target = node.next
            walk.context[f"collected.{node.variable}"] = digits
            if not node.hidden:
                await walk.session.set_variable(f"HOTLINE_{node.variable.upper()}", digits)
                await walk.answered(node.answer, digits)
            return
        before = (node.wrong if digits else node.silence) or ()


async def _digits(walk: Walk, node: Collect, prompts: list[str]) -> str:
    typed = walk.take_pending()
    if typed and (typed == node.terminator or node.max_digits == 1):
        return "" if typed == node.terminator else typed
    while True:
        read = await walk.session.collect(
            prompts,
            max_digits=node.max_digits - len(typed),
            terminator=node.terminator,
            first_timeout_ms=node.between_timeout_ms if typed else node.first_timeout_ms,
            between_timeout_ms=node.between_timeout_ms,
        )
        if typed or read.digits or not read.terminated or not walk.is_stray(node.terminator):
            break
    walk.stray = "" if read.terminated or read.timed_out else node.terminator
    return typed + read.digits


async def ask_openly(walk: Walk, node: Ask, told: Told) -> None:
    """Ask, listen and understand; by keys when nobody can listen or nothing was understood."""
    told.target = node.otherwise
    before: Sequence[str] = ()
    spoke = False
    for _ in range(node.attempts):
        heard = await _listen(walk, node, before)
        if heard is None:
            return
        told.keys += heard.key or ""
        if not heard.heard and heard.key is None:
            spoke = True
            break
        value = understood(node, heard)
        if value is not None and await _confirmed(walk, node, value):
            await _keep(walk, node, value, told)
            return
        before = (node.wrong if heard.key else node.unclear if heard.text else node.silence) or ()
        spoke = spoke or bool(heard.text or heard.key)
    if spoke and node.by_keys:
        key = await ask_key(walk, node, node.by_keys, (), node.keys_timeout_ms) or ""
        told.keys += key
        if key in node.by_key:
            await _keep(walk, node, node.by_key[key], told)


async def _listen(walk: Walk, node: Ask, before: Sequence[str]) -> Utterance | None:
    """One try, None when there was nothing to ask with."""
    prompts = await _prompts(walk, node, node.ask, before)
    if walk.pending:
        return Utterance(key=walk.take_pending())
    if prompts is None:
        return None
    phrases = tuple(word for choice in node.choices.values() for word in choice.words)
    return await walk.session.listen(
        prompts, phrases=phrases, first_timeout_ms=node.first_timeout_ms, most_ms=node.most_ms
    )


def understood(node: Ask, heard: Utterance) -> str | None:
    """The answer that was meant: by its key, by the longest word that it has, or the words themselves."""
    if heard.key:
        return node.by_key.get(heard.key)
    text = heard.text.replace(" ", "")
    if not text or heard.confidence < node.least_confidence:
        return None
    if node.free:
        return text
    found = [
        (len(word), value) for value, choice in node.choices.items() for word in choice.words if word in text
    ]
    return max(found, key=lambda it: it[0])[1] if found else None


async def _confirmed(walk: Walk, node: Ask, value: str) -> bool:
    """Whether what was understood was meant: asked back if the node wants that; silence is a yes."""
    if not node.confirm:
        return True
    walk.context["heard"] = value
    prompts = await walk.sounds(node.confirm)
    if not prompts:
        return True
    answer = await walk.session.listen(
        prompts, phrases=_CONFIRM_PHRASES, first_timeout_ms=CONFIRM_MS, most_ms=CONFIRM_MS
    )
    return answer.key != NO_KEY and not any(word in answer.text for word in NO_WORDS)


async def _keep(walk: Walk, node: Ask, value: str, told: Told) -> None:
    """Go on with an answer, and keep it where the node says."""
    choice = node.choices.get(value)
    told.target = (choice.to if choice else None) or node.next
    if node.variable:
        walk.context[f"collected.{node.variable}"] = value
    await walk.answered(node.answer, value)
