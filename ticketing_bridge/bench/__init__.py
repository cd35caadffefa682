"""Benchmarks: how quick the parts are on this machine, with real parts and generated calls.

Every measurement runs in a process and a home folder of its own, so that nothing is warm
that would be cold, and no installation is touched. (Nothing is imported here for the same reason.)
"""
