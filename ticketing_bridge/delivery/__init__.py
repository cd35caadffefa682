"""What leaves the house: the outbox's deliveries, connectors to other systems, and what they say back."""
