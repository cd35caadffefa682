"""The PBX side: Asterisk's configuration, a local Asterisk, and how to get one without root."""
