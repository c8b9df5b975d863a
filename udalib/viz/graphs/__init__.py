"""Figures and explorers of GKGNet's graphs: whom a node hears, how many that are, and labels beside one another."""

from udalib.viz.graphs.count_explorer import CountExplorer
from udalib.viz.graphs.counts import counts_figure
from udalib.viz.graphs.matrices import label_matrices
from udalib.viz.graphs.neighbour_explorer import PATCH, NeighbourExplorer
from udalib.viz.graphs.neighbours import Neighbourhood, neighbours_figure
from udalib.viz.graphs.sizes import mean_by_doubling, sizes_figure

__all__ = [
    "PATCH",
    "CountExplorer",
    "NeighbourExplorer",
    "Neighbourhood",
    "counts_figure",
    "label_matrices",
    "mean_by_doubling",
    "neighbours_figure",
    "sizes_figure",
]
