"""The agent's work on one matter: what is drafted, what a person typed, what became of both. Pure."""
