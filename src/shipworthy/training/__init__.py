"""How a candidate is made: a recipe, what it will cost, and the run that leaves weights with their lineage."""

from shipworthy.training._reference import reference
from shipworthy.training.launch import launch, read_shape
from shipworthy.training.lineage import Lineage
from shipworthy.training.plan import Plan, Shape, plan
from shipworthy.training.recipe import Recipe, read_recipe

__all__ = ["Lineage", "Plan", "Recipe", "Shape", "launch", "plan", "read_recipe", "read_shape", "reference"]
