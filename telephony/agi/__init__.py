"""FastAGI: our own server, and the caller's session on it."""
