"""A labelled set whose pictures show their classes as red values, with noise, and the segmentation of it."""

from dataclasses import dataclass, field

import torch

from udalib.data.labels import label_space

SPACE = label_space("cityscapes19")
SIZES = [(12, 16), (12, 16), (8, 20), (12, 16), (9, 9), (9, 9), (9, 9)]


@dataclass
class Pictures:
    """Images whose red value times 10 is close to the class."""

    sizes: list = field(default_factory=lambda: SIZES)
    label_space: object = SPACE
    name: str = "pictures"

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, i):
        generator = torch.Generator().manual_seed(i)
        label = torch.randint(0, self.label_space.num_classes, self.sizes[i], generator=generator, dtype=torch.uint8)
        noise = torch.randint(-8, 9, label.shape, generator=generator)
        image = (label.int() * 10 + noise).clamp(0, 255).to(torch.uint8).expand(3, -1, -1).clone()
        label[0] = 255
        return {"image": image, "label": label, "name": str(i)}


def predict(images):
    """One logit a class: minus the distance of the red value to 10 times the class."""
    classes = torch.arange(19.0).view(1, -1, 1, 1)
    return -(images[:, :1] * 25.5 - classes).abs()
