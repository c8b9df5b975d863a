"""The parts that a recipe is made of, their names, options, presets and JSON form."""
