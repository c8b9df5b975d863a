"""CFPT, a feature pyramid whose levels attend to each other in one step (facts sheet cfpt, sections 1 and 2)."""
