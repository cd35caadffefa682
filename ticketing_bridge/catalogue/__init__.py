"""The city's own data: brought in, checked as a whole, kept in versions, in force without a restart."""
