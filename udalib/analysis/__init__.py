"""Looking into networks and domains: receptive fields, attention, cost; effects of recipes over seeds; sweeps."""

from udalib.analysis.appearance import class_histograms, color_histograms, mean_distance
from udalib.analysis.networks.attention import query_attention
from udalib.analysis.networks.receptive_field import fresh_network, fresh_stage, mean_field
from udalib.analysis.networks.speed import Cost, measure, parameters_in_millions
from udalib.analysis.rare_classes import ClassDraws, first_draws, shown_pixels
from udalib.analysis.runs.effects import Effect, holm, paired_effect, sign_flip_test
from udalib.analysis.runs.following import Followed, follow
from udalib.analysis.runs.sweeps import Sweep, SweepRun, Variant, load_sweep

__all__ = [
    "ClassDraws",
    "Cost",
    "Effect",
    "Followed",
    "Sweep",
    "SweepRun",
    "Variant",
    "class_histograms",
    "color_histograms",
    "first_draws",
    "follow",
    "fresh_network",
    "fresh_stage",
    "holm",
    "load_sweep",
    "mean_distance",
    "mean_field",
    "measure",
    "paired_effect",
    "parameters_in_millions",
    "query_attention",
    "shown_pixels",
    "sign_flip_test",
]
