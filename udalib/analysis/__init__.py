"""Looking into networks and domains: receptive fields, attention, cost."""

from udalib.analysis.attention import attention_maps
from udalib.analysis.receptive_field import effective_receptive_field, mean_field
from udalib.analysis.speed import Cost, measure, parameters_in_millions

__all__ = ["Cost", "attention_maps", "effective_receptive_field", "mean_field", "measure", "parameters_in_millions"]
