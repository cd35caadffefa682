"""What a demo found, for programs (JSON) and for people (a table)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from facts.call import Call, Outcome
from facts.masking import mask_number
from telephony.simulation.play import PlayedCall
from ticketing_bridge.demo.findings import Comparison, Disagreement
from ticketing_bridge.demo.likeness import percentile


@dataclass(frozen=True, slots=True)
class CallFinding:
    """One citizen's call: what was planned, the row, what was compared, what it became."""

    played: PlayedCall
    row: Call | None
    comparison: Comparison
    drafted: bool = False
    transcribed: bool = False
    #: character error rate by leg against the script; None where nothing was said
    cer: Mapping[str, float | None] = field(default_factory=dict)
    live_s: tuple[float, ...] = ()
    draft_s: float | None = None
    #: it came and went while the PBX was not heard; filling it in needs the PBX's logs
    unseen: bool = False
    #: the model that heard the transcript of record
    model: str = ""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The whole demo. ``seed`` None: from a scenario file."""

    seed: int | str | None
    findings: tuple[CallFinding, ...]
    #: about no call of the scenario: extra rows, damaged files
    others: tuple[Disagreement, ...]
    duration_s: float
    derived_in_time: bool = True

    @property
    def disagreements(self) -> list[Disagreement]:
        """All of them, call by call."""
        return [it for finding in self.findings for it in finding.comparison.disagreements] + list(
            self.others
        )

    @property
    def mismatches(self) -> int:
        """How many disagreements there are."""
        return len(self.disagreements)

    @property
    def exit_code(self) -> int:
        """0 when every witness agrees with every row."""
        return 1 if self.mismatches else 0

    @property
    def rows(self) -> list[Call]:
        """The rows of the scenario's calls."""
        return [finding.row for finding in self.findings if finding.row is not None]

    @property
    def unseen(self) -> list[str]:
        """Calls that no row can show yet: they came and went during an outage."""
        return [finding.played.plan.id for finding in self.findings if finding.unseen]

    @property
    def not_reached(self) -> list[str]:
        """Callers who waited for an agent, as their script says, and reached none (seen on their side)."""
        return [
            finding.played.plan.id
            for finding in self.findings
            if finding.played.plan.call.waits_for_an_agent and finding.played.answered_by is None
        ]

    def by_outcome(self) -> dict[str, int]:
        """How often each outcome."""
        counts = Counter(str(row.outcome) if row.outcome else "open" for row in self.rows)
        if self.unseen:
            counts[str(Outcome.UNRESOLVED)] += len(self.unseen)
        return dict(sorted(counts.items()))

    def as_json(self) -> dict[str, Any]:
        """One object; callers' numbers masked."""
        live = [one for finding in self.findings for one in finding.live_s]
        drafts = [finding.draft_s for finding in self.findings if finding.draft_s is not None]
        outcomes = self.by_outcome()
        return {
            "calls": len(self.findings),
            "mismatches": self.mismatches,
            "seed": self.seed,
            "answered": outcomes.get(Outcome.ANSWERED, 0),
            "by_outcome": outcomes,
            "unresolved": outcomes.get(Outcome.UNRESOLVED, 0),
            "unseen": self.unseen,
            "not_reached": self.not_reached,
            "drafts": sum(finding.drafted for finding in self.findings),
            "transcripts": sum(finding.transcribed for finding in self.findings),
            "models": sorted({finding.model for finding in self.findings if finding.model}),
            "derived_in_time": self.derived_in_time,
            "disagreements": [it.as_json() for it in self.disagreements],
            "compared": [{"name": it.played.plan.id, **it.comparison.as_json()} for it in self.findings],
            "live_text_latency_s": _latencies(live),
            "draft_latency_s": _latencies(drafts),
            "cer": self._error_rates(),
            "duration_s": round(self.duration_s, 1),
        }

    def _error_rates(self) -> dict[str, Any]:
        """By call and leg, and the middle of all."""
        calls = {
            finding.comparison.call: {
                leg: None if rate is None else round(rate, 4) for leg, rate in finding.cer.items()
            }
            for finding in self.findings
            if finding.cer
        }
        rates = [rate for legs in calls.values() for rate in legs.values() if rate is not None]
        middle = percentile(rates, 50)
        mean = round(sum(rates) / len(rates), 4) if rates else None
        return {"median": middle, "mean": mean, "calls": calls}


def _latencies(values: Sequence[float]) -> dict[str, Any]:
    p50, p95 = percentile(values, 50), percentile(values, 95)
    return {
        "p50": None if p50 is None else round(p50, 3),
        "p95": None if p95 is None else round(p95, 3),
        "n": len(values),
    }


def as_table(result: DemoResult) -> RenderableType:
    """For people: one line a call, then the disagreements, then the figures."""
    table = Table(title=None, header_style="bold")
    for name in ("call", "caller", "line", "outcome", "agent", "wait", "draft", "CER", "witnesses"):
        table.add_column(name)
    for finding in result.findings:
        table.add_row(*_row(finding))
    parts: list[RenderableType] = [table]
    if result.mismatches:
        wrong = Table(title="disagreements", header_style="bold red")
        for name in ("call", "witness", "field", "ledger", "seen"):
            wrong.add_column(name)
        for it in result.disagreements:
            wrong.add_row(*it.as_json().values())
        parts.append(wrong)
    facts = result.as_json()
    live, drafts = facts["live_text_latency_s"], facts["draft_latency_s"]
    parts.append(
        Text(
            f"{facts['calls']} calls, {facts['mismatches']} mismatches, {facts['unresolved']} unresolved; "
            f"live text p50 {live['p50']} s, p95 {live['p95']} s; "
            f"draft p50 {drafts['p50']} s, p95 {drafts['p95']} s; "
            f"mean CER {facts['cer']['mean']}; seed {facts['seed']}; {facts['duration_s']} s"
        )
    )
    return Group(*parts)


def _row(finding: CallFinding) -> tuple[str, ...]:
    row = finding.row
    rates = [rate for rate in finding.cer.values() if rate is not None]
    return (
        finding.played.plan.id,
        mask_number(finding.played.plan.number),
        finding.played.plan.line,
        str(row.outcome or row.state) if row else "unseen" if finding.unseen else "no row",
        (row.agent or "") if row else "",
        f"{row.wait_s:.1f} s" if row and row.wait_s is not None else "",
        "yes" if finding.drafted else "",
        f"{sum(rates) / len(rates):.0%}" if rates else "",
        f"{len(wrong)} disagree" if (wrong := finding.comparison.disagreements) else "agree",
    )
