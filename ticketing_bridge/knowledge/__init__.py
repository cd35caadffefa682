"""What agents look up while people talk: the knowledge base and the units' phone book."""
