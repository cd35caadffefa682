"""Making recognised words readable."""
