"""Provisioned throughput: capacity that a vendor sells by units, for an hourly price, beside pay-as-you-go.

What must not live here: how many units a load takes (`analysis.provisioned`), and how many are worth buying (`analysis.purchase`).
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from roteiro.plan.part import Part
from roteiro.plan.quantity import Count, Number, RateOf, Share, refuse
from roteiro.plan.servers import HourlyCost

__all__ = ["Provisioned"]


class Provisioned(Part):
    """What a vendor sells: a unit (PTU, GSU, model unit) carries so many input tokens; output tokens count as several of them."""

    tokens: RateOf = Field(description="Input tokens a period that one unit carries; a bare number is a minute's.")
    output_ratio: Annotated[Number, Field(ge=0, le=1000)] = Field(description="Input tokens that an output token counts as.")
    cached_ratio: Share = Field(default=0.0, description="Input tokens that one read from the vendor's cache counts as.")
    least: Count = Field(default=1, description="Fewest units on sale.")
    increment: Count = Field(default=1, description="Units beyond the fewest are sold by so many.")
    most: Count | None = Field(default=None, description="Most units that the vendor grants; without it, as many as are wanted.")
    cost_nusd_per_h: HourlyCost = Field(alias="cost", description="Cost of one unit, used or not.")
    units: Annotated[int, Field(ge=0, le=10**6)] = Field(default=0, description="Units that are reserved.")

    @model_validator(mode="after")
    def on_sale(self) -> Self:
        if self.most is not None and self.most < self.least:
            raise refuse(f"sells at least {self.least} units and at most {self.most}", "write least ≤ most", "E105")
        if self.units and (self.units < self.least or (self.units - self.least) % self.increment):
            message = f"has {self.units} units; on sale are {self.least} and then by {self.increment}"
            raise refuse(message, "write a number on sale, or 0", "E105")
        if self.most is not None and self.units > self.most:
            raise refuse(f"has {self.units} units; at most {self.most} are granted", "write fewer, or raise most", "E105")
        return self
