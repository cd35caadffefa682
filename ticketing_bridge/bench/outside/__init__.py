"""The city's other systems, played from their public specifications: what connectors are tried against.

Written without a look at the connectors: GeoReport v2 (open311.org), Zammad's REST and CTI pages,
a receiver of signed webhooks, an SMS gateway. ``faults`` makes them as bad as systems can be.
"""
