"""The shared language of the rooms: value types of the field and the Protocols between rooms.

A leaf: it imports nothing of ours, opens nothing and knows no clock.
"""
