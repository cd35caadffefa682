"""Random programmes of calls on a real PBX: one row live, by rebuild and by backfill, whatever fails.

Everything but speech runs as it serves: an Asterisk of ours, the telephony role and the flows' role as
processes, an embedded PostgreSQL; the telephones are a second Asterisk's.
"""
