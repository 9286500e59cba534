"""Policies: pure decisions over records of the state. The first half of the kernel; `journey` asks them in order.

A policy file holds what it decides, `decide` functions that change nothing or take what they decided, and `settle` functions.
No clock, no draw, no I/O: `now` (seconds since the run's epoch) and `u` (uniform in [0, 1)) are arguments.
"""
