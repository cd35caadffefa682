"""Faults of a flow: names that are not there, paths that lead nowhere, texts that cannot be heard."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from ivr_flows.announced import announced_keys
from ivr_flows.bounds import Costs
from ivr_flows.graph import (
    END,
    Edge,
    Graph,
    any_way,
    edges_of,
    question_of,
    starts_of,
    texts_of,
    without_caller,
)
from ivr_flows.nodes import (
    Answer,
    Ask,
    Asking,
    CallbackOffer,
    Collect,
    HangUp,
    Hours,
    Lookup,
    Menu,
    Part,
    Queue,
    Record,
    Say,
    Set,
    Survey,
    Transfer,
)
from ivr_flows.problems import Problem
from ivr_flows.schema import Flow, Purpose
from ivr_flows.surroundings import Surroundings
from ivr_flows.texts import CALL_NAMES, CONTEXT_NAMES, collected_names, fill, names_in

#: channel variables that belong to nodes, and to which
_OWNED = {
    "HOTLINE_QUEUE": "use a queue node",
    "HOTLINE_PRIORITY": "give a queue node its priority",
    "HOTLINE_TRANSFER": "use a transfer node",
    "HOTLINE_AGENT_TOO": "give a transfer node its agent_too",
}
#: channel variables by which the dialplan and the flows' server follow a call
DIALPLAN_VARIABLES = frozenset(
    f"HOTLINE_{name}"
    for name in (
        *("AGI_DONE", "AGI_FAILED", "ANSWERED", "ARRIVED", "AT", "BEGAN", "CALLBACK", "CALLER", "CAME"),
        *("DIALLED", "FILE", "FLOW", "GONE", "HELPS", "KEYS", "KIND", "LEFT", "LETS_OUT", "LINE", "NODE"),
        *("NOTICE", "PLACED", "REACHED", "REASON", "REPORTED", "RESULTS", "RINGS_AGENT", "RINGS_SERVICE"),
        *("ROOM", "SAID", "SERVED", "SERVICE", "STAGE", "TARGET", "TASK", "TELL", "TELLS", "TOOK"),
        *("VOICEMAIL", "WISH", "WITH"),
    )
)
_UNSAYABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
#: what a queue node may name that is not written out
_QUEUE_NAMES = frozenset({"{line.queue}", "{queue.id}"})
#: purposes in which a caller may be let go without having had a person
_MAY_END = frozenset({Purpose.AFTER, Purpose.OUTBOUND})


class Faults:
    """Collects what is wrong with one flow."""

    def __init__(self, flow: Flow, file: str, around: Surroundings) -> None:
        self.flow = flow
        self.file = file
        self.around = around
        self.problems: list[Problem] = []

    def add(self, node: str, what: str, fix: str) -> None:
        """One problem; ``node`` is empty when the whole file is meant."""
        self.problems.append(Problem(self.file, node, what, fix, self.flow.line_of(node)))

    # -- names ----------------------------------------------------------------------------

    def form(self) -> None:
        """Everything that is named is there."""
        self._starts()
        for name, node in self.flow.nodes.items():
            self._targets(name, node)
            self._names(name, node)
            self._references(name, node)
        self._exempt()

    def _starts(self) -> None:
        places = {"start": self.flow.start}
        places |= {f"entries.{purpose}": name for purpose, name in self.flow.entries.items()}
        for place, name in places.items():
            if name not in self.flow.nodes:
                self.add("", f"{place}: there is no node {name}", f"name one of {self._known}")

    @property
    def _known(self) -> str:
        return ", ".join(self.flow.nodes)

    def _targets(self, name: str, node: Part) -> None:
        for edge in dict.fromkeys(edges_of(node)):
            if edge.target is not None and edge.target not in self.flow.nodes:
                how = edge.how or "next"
                self.add(name, f"{how}: there is no node {edge.target}", f"name one of {self._known}")
        if isinstance(node, Collect) and node.min_digits > node.max_digits:
            self.add(name, "min_digits is more than max_digits", "exchange them")
        if isinstance(node, Record) and node.shortest_ms >= node.most_ms:
            self.add(name, "shortest_ms is not less than most_ms", "no message would be long enough")
        there = _keys_of(node)
        for text in _offers(node):
            for key in sorted(announced_keys(text) - there if there else ()):
                self.add(name, f"says key {key}, which is not there", f"add key {key} or change {text!r}")
        said = set[str]().union(*map(announced_keys, _offers(node)))
        if said and isinstance(node, Menu | CallbackOffer | Survey):
            for key in sorted(there - said):
                self.add(
                    name, f"key {key} is said by no text", f"offer key {key} in the question or remove it"
                )
        target = self.flow.nodes.get(getattr(node, "otherwise", None) or "")
        if isinstance(node, Transfer) and target is not None and not isinstance(target, Queue):
            self.add(name, "otherwise: is no queue", "name a queue node: the dialplan goes on there")

    def _names(self, name: str, node: Part) -> None:
        own = collected_names(self.flow)
        known = CONTEXT_NAMES.union(own, *self.around.contexts)
        for text in _templates(node):
            for unknown in sorted(names_in(text) - known):
                self.add(name, f"unknown name {{{unknown}}}", f"use one of {', '.join(sorted(known))}")
            if text.count("{") != text.count("}"):
                self.add(name, f"a bracket is not closed in {text!r}", "write names as {line.greeting}")
        if isinstance(node, Lookup):
            for variable in (node.number_variable, node.digits_variable):
                if variable and f"collected.{variable}" not in own:
                    self.add(name, f"nothing collects {variable}", "name the variable of a collect node")
        confirm = (node.confirm or ()) if isinstance(node, Ask) else ()
        if confirm and not any("heard" in names_in(it) for it in confirm):
            self.add(name, "confirm: does not say what was understood", "write {heard} into it")
        if any("heard" in names_in(it) for it in _templates(node) if it not in confirm):
            self.add(name, "{heard} is known only while it is confirmed", "write it into an ask's confirm")
        if isinstance(node, Say) and node.empty and not any(names_in(text) for text in node.say):
            self.add(name, "empty: the text always has something to say", "remove empty or name hour.notice")

    def _references(self, name: str, node: Part) -> None:
        match node:
            case Queue() if not names_in(node.queue):
                self._reference(name, "queue", node.queue, self.around.queues)
            case Queue():
                if names_in(node.queue) <= CONTEXT_NAMES and node.queue not in _QUEUE_NAMES:
                    fix = f"name a queue, or {' or '.join(sorted(_QUEUE_NAMES))}"
                    self.add(name, f"{node.queue} is no queue", fix)
            case Transfer():
                self._reference(name, "emergency number", node.transfer, self.around.emergency)
            case Hours():
                self._reference(name, "opening hours", node.hours, self.around.hours)
            case Set():
                self._variables(name, node.set)
            case Collect():
                self._variables(name, [f"HOTLINE_{node.variable.upper()}"])
        for edge in edges_of(node):
            if edge.flow and self.around.flows is not None:
                self._reference(name, "flow", edge.flow, {*self.around.flows, self.flow.flow})
                self._meant_for(name, self.around.flows.get(edge.flow))

    def _variables(self, node: str, names: Iterable[str]) -> None:
        """Nothing is written over by which a call is followed."""
        for variable in sorted(names):
            if variable in _OWNED:
                self.add(node, f"{variable} is set by hand", _OWNED[variable])
            elif variable in DIALPLAN_VARIABLES:
                self.add(node, f"{variable} belongs to the dialplan", "name another variable")

    def _meant_for(self, name: str, other: Flow | None) -> None:
        """Who has not talked yet is not asked how it was, nor told that we phoned."""
        if other is not None and other.purpose in _MAY_END and other.purpose is not self.flow.purpose:
            what = f"goes on in flow {other.flow}, which is for callers of purpose {other.purpose}"
            self.add(name, what, f"name a flow that is for {self.flow.purpose}, or a node")

    def _reference(self, node: str, kind: str, name: str, known: Collection[str] | None) -> None:
        if known is not None and name not in known:
            fix = f"name one of {', '.join(sorted(known))}" if known else "write it into hotline.yaml"
            self.add(node, f"there is no {kind} {name}", fix)

    def _exempt(self) -> None:
        if self.flow.exempt and not self.flow.exempt_reason.strip():
            self.add("", "exempt without a reason", "say why in exempt_reason")
        if self.flow.purpose is Purpose.ARRIVAL and self.flow.flow in self.flow.exempt:
            fix = "shorten it, or except only a flow that it goes on in"
            self.add("", "exempt: callers who dial a number keep the guarantee, so it cannot be itself", fix)
        for name in self.flow.exempt:
            if self.around.flows is not None:
                self._reference("", "flow", name, {*self.around.flows, self.flow.flow})

    # -- paths ----------------------------------------------------------------------------

    def paths(self) -> None:
        """Every node is on a path, and every path ends well."""
        whole = Graph.of(self.flow, self.around.flows or {})
        seen = whole.reach(starts_of(self.flow).values(), any_way)
        for name in self.flow.nodes:
            if name not in seen:
                self.add(name, "no path leads here", "name it as a target or remove it")
        for part in whole.circles(without_caller):
            if any(map(whole.own, part)):
                what = f"runs in a circle without any key: {', '.join(sorted(part))}"
                self.add(min(filter(whole.own, part)), what, "lead it to a queue")
        self._futile_keys(whole)
        for purpose, start in starts_of(self.flow).items():
            if purpose not in _MAY_END:
                self._dead_ends(whole, start)
            if purpose is Purpose.NO_AGENT:
                self._back_to_nobody(whole, start)
        self._promises(whole)
        self._unasked(whole)
        if self.flow.purpose is Purpose.OUTBOUND and not any(
            isinstance(whole.nodes[name], Queue | Transfer) for name in seen
        ):
            self.add(self.flow.start, "no way to a person", "offer a key that leads to a queue")

    def _futile_keys(self, graph: Graph) -> None:
        """Of a menu's keys at least one leads somewhere else than to the menu again."""
        for name, node in self.flow.nodes.items():
            keys = {edge.target or END for edge in graph.edges[name] if edge.by_caller}
            if isinstance(node, Menu) and all(self._leads_back(graph, key, name) for key in keys):
                self.add(name, "every key leads back to this question", "lead a key to an answer or a person")

    @staticmethod
    def _leads_back(graph: Graph, start: str, menu: str) -> bool:
        """Whether a caller who came here has no other way than to the menu again."""
        seen = graph.reach([start], any_way, lambda it: it == menu)
        ends = any(it != menu and (graph.is_end(it) or END in graph.after(it, any_way)) for it in seen)
        return menu in seen and not ends

    def _dead_ends(self, graph: Graph, start: str) -> None:
        """Nobody is let go who was not offered anything and did not choose to go."""
        seen: set[tuple[str, bool]] = set()
        todo = [(start, False)]
        ends: dict[str, str] = {}
        while todo:
            name, served = todo.pop()
            if (name, served) in seen or name == END:
                continue
            seen.add((name, served))
            served = served or isinstance(graph.nodes[name], Record | CallbackOffer)
            for edge in graph.edges[name]:
                target = edge.target or END
                after = served or _serves(graph.nodes[name], edge)
                if isinstance(graph.nodes.get(target), HangUp) and not after and not edge.by_caller:
                    ends.setdefault(name, target)
                todo.append((target, after))
        if isinstance(graph.nodes[start], HangUp):
            ends[start] = start
        for name, target in sorted(ends.items()):
            place = name if graph.own(name) else start
            what = f"dead end: {target} hangs up on a caller who got neither a person nor an answer"
            self.add(place, what, "lead it to a queue, a record node or a callback_offer")

    def _unasked(self, graph: Graph) -> None:
        """What a caller gave is spoken of only where the caller gave it on every way."""
        for name, node in self.flow.nodes.items():
            for value in sorted(_values_of(node) & collected_names(self.flow)):
                variable = value.removeprefix("collected.")

                def gives(place: str, variable: str = variable) -> bool:
                    return getattr(graph.nodes[place], "variable", None) == variable

                if name in graph.reach(starts_of(self.flow).values(), any_way, gives) and not gives(name):
                    what = f"there is a way here on which nobody was asked for {variable}"
                    self.add(name, what, "lead every way through the node that collects it")

    def _promises(self, graph: Graph) -> None:
        """Who is phoned back does not wait as well."""
        for name, node in self.flow.nodes.items():
            if isinstance(node, CallbackOffer):
                after = graph.reach([node.next or END], without_caller)
                waits = any(
                    isinstance(graph.nodes[it], Queue) or END in graph.after(it, any_way) for it in after
                )
                if node.next is None or waits:
                    what = "whom it promises a call-back goes on to a queue"
                    self.add(name, what, "lead its next to a hang_up")

    def _back_to_nobody(self, graph: Graph, start: str) -> None:
        """Whom the queue could not serve is not sent back into it without having asked for that."""
        if isinstance(graph.nodes[start], Queue):
            what = "goes back to the queue that could not take the caller"
            self.add(start, what, "begin with a record node or a callback_offer")
        for name in sorted(filter(graph.own, graph.reach([start], any_way))):
            silent = graph.after(name, without_caller)
            back = any(isinstance(graph.nodes.get(it), Queue) for it in silent)
            if back or END in graph.after(name, any_way):
                what = "goes back to the queue that could not take the caller"
                self.add(name, what, "name a record node, a callback_offer or hang_up as target")

    # -- what is heard --------------------------------------------------------------------

    def lengths(self, costs: Costs) -> None:
        """Nothing is so long that one forgets it, and a voice can say it."""
        limits = self.around.limits
        for name, node in self.flow.nodes.items():
            question_ms, all_ms = costs.speech(question_of(node)), costs.speech(texts_of(node))
            if isinstance(node, Asking) and question_ms > limits.most_question_ms:
                self._too_long(name, "the question", question_ms, limits.most_question_ms)
            elif question_ms > limits.most_said_ms or all_ms > 3 * limits.most_said_ms:
                self._too_long(name, "what is said", max(question_ms, all_ms), limits.most_said_ms)
            for text in texts_of(node):
                if _UNSAYABLE.search(text):
                    self.add(name, f"control characters in {text!r}", "remove them")
                self._prompt(name, text)

    def _too_long(self, node: str, what: str, ms: int, most_ms: int) -> None:
        self.add(node, f"text too long: {what} takes {ms} ms (limit {most_ms} ms)", "shorten or divide it")

    def _prompt(self, node: str, text: str) -> None:
        only_in_call = bool(names_in(text) & (collected_names(self.flow) | CALL_NAMES.keys()))
        for words in {_filled(text, context) for context in self.around.contexts or [{}]}:
            said = words.replace("{", "").replace("}", "")
            if self.around.can_be_said and not only_in_call and not self.around.can_be_said(said):
                self.add(node, f"missing prompt: no voice can say {words!r}", "write it in Chinese words")
            elif self.flow.recorded and not only_in_call and not self._is_recorded(words):
                self.add(node, f"missing prompt: no recording of {words!r}", "record it, or recorded: false")

    def _is_recorded(self, words: str) -> bool:
        return self.around.has_recording is None or self.around.has_recording(words)


def _filled(text: str, context: object) -> str:
    known = context if isinstance(context, dict) else {}
    return fill(text, {name: known.get(name, name) for name in names_in(text)})


def _serves(node: Part, edge: Edge) -> bool:
    """Whether a caller who goes this way has got what can be got here."""
    found = isinstance(node, Lookup) and edge.how == "found"
    return found or (isinstance(node, Say) and node.report == "self_service")


def _values_of(node: Part) -> set[str]:
    """Names of what callers gave that a node cannot do without."""
    needed = {name for text in _templates(node) for name in names_in(text)}
    if isinstance(node, Lookup):
        needed |= {f"collected.{it}" for it in (node.number_variable, node.digits_variable) if it}
    return needed


def _keys_of(node: Part) -> set[str]:
    """Keys that a question takes."""
    match node:
        case Menu():
            return set(node.keys)
        case Ask():
            return set(node.by_key)
        case CallbackOffer():
            return {node.key, *node.keys}
        case Survey():
            return set(node.scores)
    return set()


def _offers(node: Part) -> tuple[str, ...]:
    by_keys = (node.by_keys or ()) if isinstance(node, Ask) else ()
    return question_of(node) + by_keys


def _templates(node: Part) -> Iterator[str]:
    yield from texts_of(node)
    match node:
        case Queue():
            yield node.queue
        case Set():
            yield from node.set.values()
        case Answer():
            yield node.value
        case CallbackOffer():
            yield node.number
