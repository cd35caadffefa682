"""The wallboard: the shift at a glance, read from across the room. No number of anybody is on it."""
