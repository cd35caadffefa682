"""What a PBX writes down by itself: CEL and queue_log, read back as the events that we did not hear.

Pure but for ``files``, which finds and reads the files with their rotated predecessors.
"""
