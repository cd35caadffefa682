"""Agents at work and their hands on calls: states from events, wishes from pages, moves of calls."""
