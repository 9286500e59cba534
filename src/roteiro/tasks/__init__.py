"""What a person asks for, done from end to end: settings are read, plugins are named, rooms below are put together.

What must not live here: the command line, and anything that a room below could decide.
"""
