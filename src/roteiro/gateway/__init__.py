"""The live world: requests from sockets, driven through the journey, answered by providers.

What must not live here: decisions (the journey takes them) and the meaning of bytes (`wire` knows it).
"""
