"""Figures and explorers of HRDA's two scales and MIC's holes."""

from udalib.viz.context.detail_explorer import DetailExplorer
from udalib.viz.context.masked_view import MaskedView, draw_masks, view_masked
from udalib.viz.context.masking import mask_gallery, masking_figure
from udalib.viz.context.masking_explorer import MaskingExplorer
from udalib.viz.context.two_scales import ScalesView, scales_figure, view_scales

__all__ = [
    "DetailExplorer",
    "MaskedView",
    "MaskingExplorer",
    "ScalesView",
    "draw_masks",
    "mask_gallery",
    "masking_figure",
    "scales_figure",
    "view_masked",
    "view_scales",
]
