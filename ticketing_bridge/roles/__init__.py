"""The roles of a serving house, each one process: telephony, speech, worker, web."""
