"""Charts and tables of numbers: curves, class scores, effects, sentences that say what they show."""
