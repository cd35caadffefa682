"""The manager interface (AMI) of one PBX: link, codec and typed events."""
