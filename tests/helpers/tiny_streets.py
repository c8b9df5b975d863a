"""The smallest run of a recipe with one source stream on the streets, as overrides."""

TINY = {
    "train.iterations": 2,
    "train.progress": False,
    "streams.source.dataset.size": (32, 64),
    "streams.source.dataset.length": 4,
    "streams.source.batch_size": 2,
    "evaluations.target.dataset.size": (32, 64),
    "evaluations.target.dataset.length": 2,
    "evaluations.source.dataset.size": (32, 64),
    "evaluations.source.dataset.length": 2,
}
