"""The tree of commands. Each module brings its own; this one only joins them."""

from __future__ import annotations

import typer

from ticketing_bridge.cli import calls, language, pbx, serving, upkeep

app = typer.Typer(
    name="hotline",
    help="Telephony and IVR integration for a city's 12345 government hotline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
serving.add_to(app)
pbx.add_to(app)
calls.add_to(app)
language.add_to(app)
upkeep.add_to(app)
