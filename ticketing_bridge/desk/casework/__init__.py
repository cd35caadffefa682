"""Pages of tickets: lists, one ticket, a unit's own, secrets, supervision, figures, the audit log."""
