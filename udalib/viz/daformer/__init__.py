"""Figures and explorers of DAFormer's strategies: Rare Class Sampling, feature distance, warm-up."""

from udalib.viz.daformer.feature_distance import feature_distance_figure
from udalib.viz.daformer.feature_distance_explorer import FeatureDistanceExplorer
from udalib.viz.daformer.onset import early_late_figure, onset_figure
from udalib.viz.daformer.rare_class_explorer import Collection, RareClassExplorer, known_collections
from udalib.viz.daformer.rare_class_images import drawn_images
from udalib.viz.daformer.rare_classes import crops_figure, sampled_figure, temperature_figure, unseen_figure
from udalib.viz.daformer.schedules import schedule_figure

__all__ = [
    "Collection",
    "FeatureDistanceExplorer",
    "RareClassExplorer",
    "crops_figure",
    "drawn_images",
    "early_late_figure",
    "feature_distance_figure",
    "known_collections",
    "onset_figure",
    "sampled_figure",
    "schedule_figure",
    "temperature_figure",
    "unseen_figure",
]
