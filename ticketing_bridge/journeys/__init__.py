"""What callers are told, promised and asked beyond one call: tickets' progress, notices of the hour,
call-backs, follow-ups. Pure rules in modules of their own; services around them ask the store.
"""
