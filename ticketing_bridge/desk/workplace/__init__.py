"""The agent's workplace: a call that rings, is spoken, and becomes a ticket, on one page and by keys."""
