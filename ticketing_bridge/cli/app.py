"""The tree of commands. Each module brings its own; this one only joins them.

A role is a command, too, and four of them start at once: so only the module of the
command that was typed is loaded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

#: which module brings which command
MODULES = {
    "running": ("run",),
    "serving": ("serve", "demo"),
    "pbx": ("pbx",),
    "calls": ("calls",),
    "rates": ("rate",),
    "staffing": ("staffing",),
    "agents": ("agents",),
    "flows": ("flows",),
    "journeys": ("import", "callbacks", "followup", "notice"),
    "lookup": ("knowledge", "phonebook"),
    "models": ("models",),
    "transcribing": ("transcribe",),
    "drafting": ("draft", "drafting"),
    "catalogue": ("catalogue",),
    "delivery": ("delivery",),
    "api_clients": ("api-clients",),
    "upkeep": ("doctor", "users", "db"),
    "auditing": ("audit",),
    "keeping": ("retention",),
    "tickets": ("tickets",),
    "bench": ("bench",),
}


def modules_for(words: Sequence[str]) -> list[str]:
    """The modules that the typed command needs; all of them when it is not clear.

    >>> modules_for(["calls", "list"])
    ['calls']
    >>> len(modules_for(["--help"])) == len(MODULES)
    True
    """
    found = [module for module, commands in MODULES.items() if words[:1] and words[0] in commands]
    return found or list(MODULES)


def make_app(words: Sequence[str]) -> typer.Typer:
    """The application with the commands that these words may mean."""
    app = typer.Typer(
        name="hotline",
        help="Telephony and IVR integration for a city's 12345 government hotline.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    # Without a callback typer makes a single command the whole program.
    app.callback()(lambda: None)
    for name in modules_for(words):
        importlib.import_module(f"ticketing_bridge.cli.{name}").add_to(app)
    return app


def run_app() -> None:
    """Run the typed command."""
    make_app(sys.argv[1:])()
