"""How the hotline stands, for Prometheus: calls, rates, waits, queues, jobs. Labels name no person."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge

from config.rates import Rates
from facts.agents import AgentState
from facts.call import CallState, Outcome
from ticketing_bridge.rate.alerts import AlertKind
from ticketing_bridge.rate.live import RateNow, rate_now
from ticketing_bridge.rate.report import RateReport
from ticketing_bridge.rate.service import RateQuery, day_of, rate_report
from ticketing_bridge.rate.standing import FRESH_S
from ticketing_bridge.store import Database, DatabaseAway

if TYPE_CHECKING:
    from ticketing_bridge.store import UnitOfWork


@dataclass(slots=True)
class RateMetrics:
    """Gauges that are read from the store whenever they are asked for; days are days in Asia/Shanghai."""

    registry: CollectorRegistry
    database_up: Gauge = field(init=False)
    calls: Gauge = field(init=False)
    open_calls: Gauge = field(init=False)
    rate: Gauge = field(init=False)
    rate_base: Gauge = field(init=False)
    target: Gauge = field(init=False)
    misses_left: Gauge = field(init=False)
    missed_callers: Gauge = field(init=False)
    waits: Gauge = field(init=False)
    longest: Gauge = field(init=False)
    excluded: Gauge = field(init=False)
    alert: Gauge = field(init=False)
    waiting: Gauge = field(init=False)
    free_agents: Gauge = field(init=False)
    agents: Gauge = field(init=False)
    jobs: Gauge = field(init=False)
    dead: Gauge = field(init=False)
    callbacks: Gauge = field(init=False)
    gaps: Gauge = field(init=False)
    unfolded: Gauge = field(init=False)
    ledger_age: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"hotline_{name}", about, labels, registry=self.registry)

        self.database_up = gauge("database_up", "1: the database answered this question")
        self.calls = gauge("calls_today", "Citizen calls of today that are over, by outcome", "outcome")
        self.open_calls = gauge("calls_open", "Calls that are on now, by state", "state")
        self.rate = gauge("rate_ratio", "Rate of today, 0 to 1; NaN: 0 by 0", "definition")
        self.rate_base = gauge("rate_base_calls", "Calls in the base of today's rate", "definition")
        self.target = gauge("rate_target_ratio", "The target of the published rate")
        self.misses_left = gauge("misses_left_today", "Misses that today's target still allows; < 0: lost")
        self.missed_callers = gauge("missed_callers", "Callers missed in the last 24 h and not reached since")
        self.waits = gauge("asa_seconds", "Mean wait of today's answered calls, from arrival")
        self.longest = gauge("longest_wait_seconds", "Longest wait of today, by what became of it", "ending")
        self.excluded = gauge("calls_excluded_today", "Calls of today that two people left out")
        self.alert = gauge("alert_active", "1: this alert stands", "alert")
        self.waiting = gauge("queue_waiting", "Callers who wait", "queue")
        self.free_agents = gauge("queue_free_agents", "Agents who are free", "queue")
        self.agents = gauge("agents", "Agents by state", "state")
        self.jobs = gauge("jobs_unfinished", "Jobs that wait or run", "queue")
        self.dead = gauge("deliveries_dead", "Deliveries given up, which wait for a person", "connector")
        self.callbacks = gauge("callbacks", "Call-backs that are owed or under way, by state", "state")
        self.gaps = gauge("gaps_unfilled", "Times of the last day in which a PBX went unheard", "pbx")
        self.unfolded = gauge("rate_changes_unfolded", "Changes that the cells do not have yet")
        self.ledger_age = gauge("ledger_age_seconds", "Time since a call was last written; NaN: never")

    async def read(self, database: Database, rates: Rates, target_percent: float, now: datetime) -> None:
        """Set all gauges. A database that is away is a metric, too."""
        try:
            async with database.unit_of_work() as uow:
                begin, end = day_of(now)
                report = await rate_report(uow, RateQuery(begin, end), rates=rates, now=now)
                seen = await rate_now(uow, now, target_percent=target_percent, rates=rates)
                self._rates(report, seen, now)
                await self._now(uow, now)
        except DatabaseAway:
            self.database_up.set(0)
        else:
            self.database_up.set(1)

    def _rates(self, report: RateReport, seen: RateNow, now: datetime) -> None:
        for outcome in Outcome:
            self.calls.labels(outcome.value).set(report.outcomes.get(outcome.value, 0))
        for rate in report.rates:
            known = rate.base - rate.unknown
            self.rate.labels(rate.definition).set(rate.reached / known if known else math.nan)
            self.rate_base.labels(rate.definition).set(rate.base)
        for name, window in report.windows.items():
            self.rate.labels(name).set(window.rate() if window else math.nan)
            self.rate_base.labels(name).set(window.base if window else 0)
        self.target.set(seen.target_percent / 100)
        allowed = seen.allowance
        self.misses_left.set(allowed.now if allowed.today is None else allowed.today)
        self.missed_callers.set(seen.missed_callers)
        waits = report.waits
        self.waits.set(math.nan if waits is None or waits.asa_s is None else waits.asa_s)
        longest = (waits.longest_answered_s, waits.longest_abandoned_s) if waits else (None, None)
        for ending, value in zip(("answered", "abandoned"), longest, strict=True):
            self.longest.labels(ending).set(math.nan if value is None else value)
        self.excluded.set(seen.rate.excluded)
        standing = {it.kind for it in seen.alerts}
        for kind in AlertKind:
            self.alert.labels(kind.value).set(kind.value in standing)
        self.ledger_age.set((now - report.as_of).total_seconds() if report.as_of else math.nan)

    async def _now(self, uow: UnitOfWork, now: datetime) -> None:
        states = [call.state for call in await uow.calls.open_calls()]
        for state in CallState:
            if state is not CallState.ENDED:
                self.open_calls.labels(state.value).set(states.count(state))
        # what nobody reports any more must not stand there as if it were so
        for of_something in (self.waiting, self.free_agents, self.jobs, self.gaps):
            of_something.clear()
        for queue in await uow.queues.fresh(FRESH_S):
            self.waiting.labels(queue.queue).set(queue.waiting)
            self.free_agents.labels(queue.queue).set(queue.free_agents)
        agents = [it.state for it in await uow.agents.now()]
        for agent_state in AgentState:
            self.agents.labels(agent_state.value).set(agents.count(agent_state))
        for name, count in (await uow.jobs.unfinished()).items():
            self.jobs.labels(name).set(count)
        for connector, count in (await uow.deliveries.dead()).items():
            self.dead.labels(connector).set(count)
        for stands, count in (await uow.callbacks.owed()).items():
            self.callbacks.labels(stands.value).set(count)
        for pbx, count in (await uow.gaps.unfilled(now - timedelta(days=1))).items():
            self.gaps.labels(pbx).set(count)
        self.unfolded.set(await uow.rates.unfolded())
