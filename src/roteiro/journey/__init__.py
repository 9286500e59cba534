"""The journey: one request from arrival to settlement, and the tending of the fleet. The second half of the kernel.

The ORDER in which policies are asked lives here and nowhere else; gateway and simulator both drive `step` and obey its commands.
"""

from roteiro.journey.step import step

__all__ = ["step"]
