"""Bytes to requests, usage, errors and stream frames, and back: sans I/O, one set of files a dialect.

What must not live here: sockets, clocks (a time is an argument), and decisions on where a request goes.
"""
