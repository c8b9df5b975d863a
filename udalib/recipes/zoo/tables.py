"""The tables that ``udalib reproduce`` knows beside the comparisons: published ones, and their miniatures.

A miniature has the rows of the published table on the embedded streets or on CamVid; the published numbers beside it
are of GTA5 to Cityscapes and large networks. The exact ablation tables of DAFormer, HRDA and MIC are in none of our
sources; these rows are the published numbers that we know (daformer sheet, section 12; adaptsegnet and advent sheets).
"""

from __future__ import annotations

from udalib.recipes.tables import Row, Table, register_table

LADDER = (
    ("source only", "source-only", "source-only-segformer-mit_b5"),
    ("DACS", "dacs", "dacs-segformer-mit_b5"),
    ("DACS + RCS", "dacs-rcs", ""),
    ("DAFormer", "daformer", "daformer"),
    ("MIC", "mic", ""),
)
"""Row, recipe in a miniature's family, recipe of GTA5 to Cityscapes that published it ("" = known of none)."""

for _family, _what in (
    ("streets", "the embedded streets"),
    ("camvid-day2dusk", "CamVid, day to dusk"),
    ("streets2camvid", "the embedded streets to CamVid"),
):
    register_table(
        Table(
            f"{_family}-daformer",
            f"Miniature of DAFormer's table on {_what}: self-training, and what each strategy adds.",
            tuple(
                Row(title, f"{_family}/{own}", f"gta2cityscapes/{published}" if published else "")
                for title, own, published in LADDER
            ),
        )
    )

register_table(
    Table(
        "gta-daformer",
        "GTA5 to Cityscapes: self-training from DACS to MIC.",
        (
            Row("source only, DeepLab-v2", "gta2cityscapes/source-only-deeplabv2"),
            Row("DACS, DeepLab-v2", "gta2cityscapes/dacs-deeplabv2"),
            Row("source only, SegFormer", "gta2cityscapes/source-only-segformer-mit_b5"),
            Row("DACS, SegFormer", "gta2cityscapes/dacs-segformer-mit_b5"),
            Row("DAFormer, MiT-B3", "gta2cityscapes/daformer-mit_b3"),
            Row("DAFormer, MiT-B4", "gta2cityscapes/daformer-mit_b4"),
            Row("DAFormer", "gta2cityscapes/daformer"),
            Row("HRDA", "gta2cityscapes/hrda"),
            Row("MIC (HRDA)", "gta2cityscapes/mic-hrda"),
        ),
    )
)
register_table(
    Table(
        "synthia-daformer",
        "SYNTHIA to Cityscapes: self-training from DACS to MIC.",
        (
            Row("DACS, DeepLab-v2", "synthia2cityscapes/dacs-deeplabv2"),
            Row("DAFormer", "synthia2cityscapes/daformer"),
            Row("HRDA", "synthia2cityscapes/hrda"),
            Row("MIC (HRDA)", "synthia2cityscapes/mic-hrda"),
        ),
    )
)

for _name, _source in (("gta", "GTA5"), ("synthia", "SYNTHIA")):
    _rows = [
        Row("source only", f"{_name}2cityscapes/source-only-adaptsegnet"),
        Row("AdaptSegNet, multi-level", f"{_name}2cityscapes/adaptsegnet-multi"),
        Row("ADVENT", f"{_name}2cityscapes/advent"),
    ]
    _gta_only = [
        Row("AdaptSegNet, feature space", "gta2cityscapes/adaptsegnet-feature"),
        Row("AdaptSegNet, single-level", "gta2cityscapes/adaptsegnet-single"),
        Row("MinEnt", "gta2cityscapes/minent"),
    ]
    register_table(
        Table(
            f"{_name}-adversarial",
            f"{_source} to Cityscapes: adversarial adaptation in output space.",
            tuple(_rows + (_gta_only if _name == "gta" else [])),
        )
    )
register_table(
    Table(
        "voc-eln",
        "VOC 2012 with few labels: ELN by partition and encoder.",
        (
            Row("R50, 1/8", "voc/eln-r50-1_8"),
            Row("R101, 1/8", "voc/eln-r101-1_8"),
            Row("R101, 1/4", "voc/eln-r101-1_4"),
        ),
    )
)
