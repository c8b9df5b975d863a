"""DAFormer's strategies on backbones that are younger than the paper: ConvNeXt, DINOv2, DINOv3. No published numbers.

Decoder, its rate (6e-4), schedule and data are DAFormer's. The encoder's rate is our choice: 6e-5, as for MiT, for
ConvNeXt, which is hierarchical and trained on ImageNet too; 1e-5 for the self-supervised transformers, so that they
stay near what they know. Norms, layer scales, tokens and positions have no weight decay. None of this is tuned.

A plain transformer gets a pyramid (:class:`udalib.models.encoders.vit_pyramid.ViTPyramid`), trained like the decoder.
Its coarsest map is a mean of the transformer's last features, so the feature distance holds on to those. Its weight
is the paper's for MiT; features of another size may ask for another ``method.lambda_fd``.

Weights are files of timm under names of ours: the ``model.safetensors`` of the timm release ``TAG``, saved as
``TAG.safetensors`` in the weights folder. Nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from udalib.engine.optim.build import Rule
from udalib.recipes.registry import register
from udalib.recipes.spec.specs import DecoderSpec, EncoderSpec, NetworkSpec, Recipe
from udalib.recipes.zoo.self_training.daformer import daformer_method
from udalib.recipes.zoo.self_training.setting import SYNTHETIC, Pair, rare_classes, self_training

DECODER_LR = 6e-4


@dataclass(frozen=True)
class Backbone:
    """A timm backbone.

    Attributes:
        title: in words.
        tag: timm's model name and the tag of its weights.
        lr: learning rate of the encoder.
        pyramid: whether it needs one.
    """

    title: str
    tag: str
    lr: float
    pyramid: bool = False

    def network(self) -> NetworkSpec:
        """DAFormer's decoder on it."""
        name = f"{'vit_pyramid' if self.pyramid else 'timm'}:{self.tag.split('.')[0]}"
        encoder = EncoderSpec.of(name, weights=f"{self.tag}.safetensors", drop_path_rate=0.1)
        return NetworkSpec.pair(encoder, DecoderSpec("daformer"))

    def rules(self) -> tuple[Rule, ...]:
        """Rates and decay by parameter name."""
        new = tuple(Rule(part, lr_mult=DECODER_LR / self.lr) for part in ("decoder.", "encoder.neck."))
        return (*new, *(Rule(part, decay_mult=0.0) for part in ("norm", "gamma", "token", "pos_embed")))


BACKBONES = {
    "convnext_base": Backbone("ConvNeXt-B (ImageNet-22k)", "convnext_base.fb_in22k", 6e-5),
    "dinov2_vitb14": Backbone("DINOv2 ViT-B/14", "vit_base_patch14_dinov2.lvd142m", 1e-5, pyramid=True),
    "dinov3_vitb16": Backbone("DINOv3 ViT-B/16", "vit_base_patch16_dinov3.lvd1689m", 1e-5, pyramid=True),
}


def modern(pair: Pair, name: str) -> Recipe:
    """DAFormer on the backbone ``name``."""
    backbone = BACKBONES[name]
    recipe = self_training(
        pair,
        f"daformer-{name}",
        f"DAFormer's strategies on {backbone.title}; beyond the papers, no published number.",
        backbone.network(),
        daformer_method(**pair.ignored_rows),
        sampler=rare_classes(),
    )
    return replace(recipe, optimizer=replace(recipe.optimizer, lr=backbone.lr, rules=backbone.rules()))


for _name in BACKBONES:
    register(modern(SYNTHETIC[0], _name))
