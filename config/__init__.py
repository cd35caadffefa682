"""Settings of an installation and the hotline's own facts, typed, validated and immutable."""
