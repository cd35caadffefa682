"""``python -m ticketing_bridge`` is ``hotline``."""

from ticketing_bridge.cli import main

main()
