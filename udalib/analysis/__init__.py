"""Looking into networks and domains: receptive fields, attention, cost."""

from udalib.analysis.attention import query_attention
from udalib.analysis.receptive_field import mean_field
from udalib.analysis.speed import Cost, measure, parameters_in_millions

__all__ = ["Cost", "mean_field", "measure", "parameters_in_millions", "query_attention"]
