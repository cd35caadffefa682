"""The connection rate: named definitions over outcomes, never a number without its definition."""

from ticketing_bridge.rate.definitions import DEFINITIONS, Definition, Rate, measure
from ticketing_bridge.rate.service import RateReport, rate_between, today

__all__ = ["DEFINITIONS", "Definition", "Rate", "RateReport", "measure", "rate_between", "today"]
