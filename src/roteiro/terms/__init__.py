"""The words everyone speaks: units, codes, the event schema, problems, and the edge between plan and worlds.

Depends on nothing of Roteiro. What must not live here: decisions, I/O.
"""
