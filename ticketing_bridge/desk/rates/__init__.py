"""Pages of the connection rate: figures, causes, who was missed, definitions, exclusions, the plan."""
