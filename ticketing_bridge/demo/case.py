"""The whole comparison: every row with its witnesses, and what no row explains. Reads and decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from config.hotline import Hotline
from config.settings import Settings
from facts.call import Call, Outcome
from facts.masking import mask_number
from telephony.call_fold import FoldRules
from telephony.simulation.play import PlayedCall
from telephony.simulation.speech import Dialogue
from ticketing_bridge.demo.cdr import compare_cdr
from ticketing_bridge.demo.derived import compare_derived
from ticketing_bridge.demo.evidence import Evidence, began_since
from ticketing_bridge.demo.findings import Comparison, Disagreement, Witness
from ticketing_bridge.demo.helpers import NOBODY, Helpers, compare_helpers
from ticketing_bridge.demo.ledger import Ledger
from ticketing_bridge.demo.live import latencies_s
from ticketing_bridge.demo.people import compare_people, match_rows
from ticketing_bridge.demo.queue_log import compare_queue_log
from ticketing_bridge.demo.recordings import compare_recordings, compare_sound
from ticketing_bridge.demo.refold import compare_events, fold_again
from ticketing_bridge.demo.result import CallFinding


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known when the demo is over. ``since``: when it began."""

    settings: Settings
    hotline: Hotline
    evidence: Evidence
    ledger: Ledger
    dialogues: Mapping[str, Dialogue]
    since: datetime

    def compare(
        self, played: Sequence[PlayedCall]
    ) -> tuple[tuple[CallFinding, ...], tuple[Disagreement, ...]]:
        """What was found call by call, and beside the calls. Reads the recordings: blocks."""
        rows, strangers = match_rows(played, self.ledger.rows)
        rules = FoldRules(frozenset(agent.id for agent in self.hotline.agents), self.settings.t_short_s)
        again = fold_again(self.ledger.events, self.settings.pbx_id, rules)
        helpers = self.evidence.helpers()
        findings = [self._call(call, rows.get(call.plan.id), again, helpers) for call in played]
        return tuple(findings), tuple(_extra_rows(strangers) + self._extra_evidence())

    def _call(
        self,
        played: PlayedCall,
        row: Call | None,
        again: Mapping[str, Call],
        helpers: Mapping[str, Helpers],
    ) -> CallFinding:
        if row is None:
            found = Comparison(played.plan.id)
            if self._unseen(played):
                return CallFinding(played, None, found, unseen=True)
            number = mask_number(played.plan.number)
            found.check(Witness.PEOPLE, "existence", False, "no row", f"{number} dialled {played.plan.did}")
            return CallFinding(played, None, found)
        found = Comparison(str(row.key))
        found.check(Witness.PEOPLE, "existence", True, row.key, played.plan.id)
        compare_events(row, again.get(str(row.key)), found)
        if row.outcome is Outcome.UNRESOLVED:
            found.same(Witness.PEOPLE, "caller_number", row.caller_number, played.plan.number)
            return CallFinding(played, row, found)
        return self._resolved(played, row, found, helpers.get(row.key.uniqueid, NOBODY))

    def _resolved(self, played: PlayedCall, row: Call, found: Comparison, helpers: Helpers) -> CallFinding:
        evidence = self.evidence
        keys = sum(len(press.digits) for press in played.plan.call.keys)
        compare_people(row, played, found, helpers.rang)
        lines = evidence.queue_log_of_calls().get(row.key.uniqueid, [])
        compare_queue_log(row, lines, found, helpers.lines)
        compare_cdr(row, evidence.cdr_of_calls().get(row.key.uniqueid, []), found, helpers.records)
        compare_helpers(row, helpers, found)
        compare_recordings(row, evidence.recordings, found, keys)
        compare_sound(row, played, self.dialogues[played.plan.id], evidence.recordings, found)
        derived = compare_derived(row, played, self.ledger, evidence.recordings, found)
        return CallFinding(
            played,
            row,
            found,
            drafted=derived.drafted,
            transcribed=derived.transcribed,
            cer=derived.cer,
            live_s=tuple(latencies_s(row, played.said, evidence.live.heard)),
            draft_s=derived.draft_s,
            model=derived.model,
        )

    def _unseen(self, played: PlayedCall) -> bool:
        """The call came and went while the PBX was not heard: no row can be expected yet."""
        citizen = played.citizen
        return any(it.hides(citizen.began_at, citizen.ended_at) for it in self.ledger.outages())

    def _hidden(self, uniqueid: str) -> bool:
        """The same, by the PBX's own records."""
        records = self.evidence.cdr_of_calls().get(uniqueid, [])
        began = min((it.start for it in records if it.start), default=None)
        ended = max((it.end for it in records if it.end), default=None)
        return began is not None and any(it.hides(began, ended) for it in self.ledger.outages())

    def _should_be_known(self, uniqueid: str) -> bool:
        """A line about this call cannot be explained by what was before the demo, or by an outage."""
        late = uniqueid in self.evidence.over
        return late or (began_since(uniqueid, self.since) and not self._hidden(uniqueid))

    def _extra_evidence(self) -> list[Disagreement]:
        """Lines about calls that have no row, and lines that changed after they were written."""
        known = {row.key.uniqueid for row in self.ledger.rows}
        evidence = self.evidence
        found = [
            Disagreement(uniqueid, witness, "existence", "no row", f"{len(lines)} lines")
            for witness, calls in (
                (Witness.QUEUE_LOG, evidence.queue_log_of_calls()),
                (Witness.CDR, evidence.cdr_of_calls()),
            )
            for uniqueid, lines in calls.items()
            if uniqueid not in known and self._should_be_known(uniqueid)
        ]
        for witness, file in ((Witness.QUEUE_LOG, evidence.queue_log), (Witness.CDR, evidence.cdr)):
            found += [
                Disagreement(
                    file.path.name, witness, "unchanged", "as it was written", f"changed: {_named(line)}"
                )
                for line in file.damage
            ]
        return found


def _named(line: str) -> str:
    """Which line of a log it is, without the caller's number."""
    return "|".join(line.split("|")[:5]) if "|" in line else line.partition(",")[0]


def _extra_rows(rows: Sequence[Call]) -> list[Disagreement]:
    """Rows that no citizen of the scenario can confirm."""
    return [
        Disagreement(
            str(row.key), Witness.PEOPLE, "existence", f"a row for {mask_number(row.caller_number)}", "nobody"
        )
        for row in rows
    ]
