"""Data sets of pictures with boxes: COCO-format files, BCCD, VisDrone, TinyPerson."""
