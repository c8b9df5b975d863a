"""udalib: domain adaptation of semantic segmentation and its neighbours, as a library and a workbook."""

__version__ = "0.1.0"
