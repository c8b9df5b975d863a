from udalib.engine.optim.build import Rule
NO_DECAY = tuple(Rule(pattern, decay_mult=0.0) for pattern in (".bias", "fc1.1.weight", "fc2.1.weight", "nn.1.weight", ".conv.1.weight", "convs.1.weight", "convs.4.weight", "convs.7.weight"))
