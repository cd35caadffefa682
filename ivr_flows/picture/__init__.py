"""A flow as a picture that a person reads without knowing the file."""

from ivr_flows.picture.names import names_of
from ivr_flows.picture.svg import STYLE, draw_svg
from ivr_flows.picture.traffic import NodeTraffic, Traffic

__all__ = ["STYLE", "NodeTraffic", "Traffic", "draw_svg", "names_of"]
