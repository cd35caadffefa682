"""The chain of schema steps, run by :func:`ticketing_bridge.store.upgrade.upgrade`."""
