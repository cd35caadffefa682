"""Matters composed at run time, spoken to the real hotline: how many fields of the drafts are right."""
