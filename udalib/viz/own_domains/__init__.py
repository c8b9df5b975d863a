"""The explorer of label files of one's own: what ids mean, what is ignored, what a training size leaves of a class."""

from udalib.viz.own_domains.explorer import LabelExplorer
from udalib.viz.own_domains.label_view import LabelView, label_figure, seen

__all__ = ["LabelExplorer", "LabelView", "label_figure", "seen"]
