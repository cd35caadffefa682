"""The team's page: one's own state, everybody's, the day's times, and a shift leader's closer look."""
