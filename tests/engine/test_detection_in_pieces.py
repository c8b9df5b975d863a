"""A detector on overlapping pieces, alone and in an evaluation."""

import torch

from udalib.data.labels import label_space
from udalib.engine.evaluation.detection import DetectionEvaluator
from udalib.engine.evaluation.inference import Sliding
from udalib.engine.evaluation.pieces import boxed_windows, detect_in_pieces

SIDE = 12


def bright(images):
    """One box around all bright pixels of each piece, if it is whole: nothing bright touches the border."""
    found = []
    for image in images:
        rows, columns = (image[0] > 0.5).nonzero(as_tuple=True)
        edge = torch.cat([image[0, 0], image[0, -1], image[0, :, 0], image[0, :, -1]]).max()
        box = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]] if len(rows) and edge < 0.5 else []
        boxes = torch.tensor(box, dtype=torch.float32).view(-1, 4)
        found.append(
            {"boxes": boxes, "scores": torch.full((len(boxes),), 0.9), "labels": torch.zeros(len(boxes)).long()}
        )
    return found


def picture():
    """Two bright squares far apart, so that one box around everything is wrong."""
    image, boxes = torch.zeros(3, 60, 100), torch.tensor([[4.0, 30, 4 + SIDE, 30 + SIDE], [80, 6, 80 + SIDE, 6 + SIDE]])
    for x0, y0, x1, y1 in boxes.int().tolist():
        image[:, y0:y1, x0:x1] = 1
    return image, boxes


def test_boxes_of_pieces_come_back_once():
    image, boxes = picture()
    calls = []

    def counted(images):
        calls.append(len(images))
        return bright(images)

    found = detect_in_pieces(counted, image[None], Sliding((32, 48), (12, 16), max_batch=4))
    assert sorted(found["boxes"].tolist()) == boxes.tolist()
    assert max(calls) == 4
    assert len(calls) > 1


def test_published_windows_share_thirty_percent():
    assert boxed_windows((10, 20)).stride == (7, 14)
    assert boxed_windows((1, 1)).stride == (1, 1)


def test_an_evaluation_searches_in_windows_if_it_is_told_to():
    image, boxes = picture()
    sample = {"image": (255 * image).byte(), "boxes": boxes, "box_labels": torch.zeros(2).long(), "name": "a"}
    evaluator = DetectionEvaluator([sample], label_space("tinyperson1"))
    assert evaluator.evaluate(bright)["ap"] == 0
    evaluator.inference = Sliding((32, 48), (12, 16))
    assert evaluator.evaluate(bright)["ap"] > 0.99
