"""Looking into networks and domains: receptive fields, attention, cost; and effects of recipes over seeds."""

from udalib.analysis.attention import query_attention
from udalib.analysis.effects import Effect, holm, paired_effect, sign_flip_test
from udalib.analysis.receptive_field import mean_field
from udalib.analysis.speed import Cost, measure, parameters_in_millions

__all__ = [
    "Cost",
    "Effect",
    "holm",
    "mean_field",
    "measure",
    "paired_effect",
    "parameters_in_millions",
    "query_attention",
    "sign_flip_test",
]
