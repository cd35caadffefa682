"""The REST API under ``/api/v1``: for the city's other systems, each with a token of its own."""
