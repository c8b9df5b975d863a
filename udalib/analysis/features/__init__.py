"""Features of pixels: where they are taken, two dimensions for many, and measures beside the picture."""

from udalib.analysis.features.atlas import Atlas, make_atlas
from udalib.analysis.features.embedding.clouds import CLOUDS, draw_clouds
from udalib.analysis.features.embedding.procrustes import Alignment, procrustes
from udalib.analysis.features.embedding.stability import Stability, neighbour_overlap, stability, trustworthiness
from udalib.analysis.features.embedding.tsne import Tsne, principal, shared_tsne, tsne, unit_scatter
from udalib.analysis.features.measuring.association import Association, Coefficient, associate, associations
from udalib.analysis.features.measuring.correlation import Correlation, correlate, spearman
from udalib.analysis.features.measuring.gaps import coral, mmd, proxy_a_distance
from udalib.analysis.features.measuring.separation import (
    centroid_distance,
    centroid_distances,
    intra_inter,
    knn_purity,
    silhouette,
)
from udalib.analysis.features.measuring.table import MEASURES, Measure, measures, measures_of
from udalib.analysis.features.pixels.cells import box_means, cell_boxes, pure_cells
from udalib.analysis.features.pixels.gather import gather
from udalib.analysis.features.pixels.layers import captured, layer_names
from udalib.analysis.features.pixels.look import Subject
from udalib.analysis.features.pixels.points import Answers, PixelFeatures, Points, Shown
from udalib.analysis.features.pixels.runs import collect
from udalib.analysis.features.pixels.sampling import Plan, Sampling, draw_cells, plan
from udalib.analysis.features.record import measures_record, points_csv, write_record

__all__ = [
    "CLOUDS",
    "MEASURES",
    "Alignment",
    "Answers",
    "Association",
    "Atlas",
    "Coefficient",
    "Correlation",
    "Measure",
    "PixelFeatures",
    "Plan",
    "Points",
    "Sampling",
    "Shown",
    "Stability",
    "Subject",
    "Tsne",
    "associate",
    "associations",
    "box_means",
    "captured",
    "cell_boxes",
    "centroid_distance",
    "centroid_distances",
    "collect",
    "coral",
    "correlate",
    "draw_cells",
    "draw_clouds",
    "gather",
    "intra_inter",
    "knn_purity",
    "layer_names",
    "make_atlas",
    "measures",
    "measures_of",
    "measures_record",
    "mmd",
    "neighbour_overlap",
    "plan",
    "points_csv",
    "principal",
    "procrustes",
    "proxy_a_distance",
    "pure_cells",
    "shared_tsne",
    "silhouette",
    "spearman",
    "stability",
    "trustworthiness",
    "tsne",
    "unit_scatter",
    "write_record",
]
