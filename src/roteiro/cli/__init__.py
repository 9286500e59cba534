"""The command line: parse, call a task, show its result. Nothing is imported before a command needs it, so that help is quick.

What must not live here: what a command does (`tasks`), and how results read (`report`).
"""
