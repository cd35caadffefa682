"""The connection rate: named definitions over outcomes, never a number without its definition."""

from ticketing_bridge.rate.definitions import Rate, measure, shipped
from ticketing_bridge.rate.service import RateQuery, RateReport, rate_between, rate_report, today

__all__ = ["Rate", "RateQuery", "RateReport", "measure", "rate_between", "rate_report", "shipped", "today"]
