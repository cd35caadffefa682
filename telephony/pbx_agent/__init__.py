"""Beside a remote PBX: ships what it writes down (CEL, queue_log, recordings) to the hotline.

A place in a log is a file's identity and an offset, so that rotation loses nothing; the receiver is the
one who remembers how far it has come, so that this side keeps no state.
"""
