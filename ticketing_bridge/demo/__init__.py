"""The demo: simulated people phone in; witnesses that know nothing of the ledger check every call row."""
