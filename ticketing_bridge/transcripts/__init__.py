"""Transcripts of calls: the city's names in them, finding words, handing them out."""
