"""The page: calls coming and going, one call with its words and draft, today's rate. FastAPI, htmx, SSE."""
