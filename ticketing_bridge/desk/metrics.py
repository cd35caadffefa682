"""What the web process counts, for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ticketing_bridge.desk.rates.metrics import RateMetrics


@dataclass(slots=True)
class Metrics:
    """One registry a process, made with the application; nothing global."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    streams: Gauge = field(init=False)
    fragments: Counter = field(init=False)
    logins: Counter = field(init=False)
    numbers_shown: Counter = field(init=False)
    render_s: Histogram = field(init=False)
    live_connected: Gauge = field(init=False)
    telephony_age_s: Gauge = field(init=False)
    rates: RateMetrics = field(init=False)

    def __post_init__(self) -> None:
        it = self.registry
        self.streams = Gauge("hotline_web_streams", "Pages that are being updated now", registry=it)
        self.fragments = Counter("hotline_web_fragments", "Fragments sent", ["name"], registry=it)
        self.logins = Counter("hotline_web_logins", "Attempts to log in", ["result"], registry=it)
        self.numbers_shown = Counter("hotline_web_numbers_shown", "Numbers shown in clear", registry=it)
        self.render_s = Histogram(
            "hotline_web_board_seconds", "Reading and rendering the board, seconds", registry=it
        )
        self.live_connected = Gauge("hotline_web_live_connected", "Live words arrive", registry=it)
        self.telephony_age_s = Gauge(
            "hotline_web_telephony_age_seconds", "Age of the telephony role's beat; NaN: none", registry=it
        )

        self.rates = RateMetrics(it)

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self.registry)
