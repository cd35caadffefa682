"""Simulated people: citizens who phone and agents who answer, over real SIP and RTP, with their own diaries.

Nothing that serves imports this package.
"""
