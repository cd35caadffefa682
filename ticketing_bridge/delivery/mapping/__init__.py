"""The languages of other systems: values to requests, answers to values. Pure; no socket, no clock."""
