"""Live words on their way from the speech role: to everybody who watches, and (finals only) to the store."""
