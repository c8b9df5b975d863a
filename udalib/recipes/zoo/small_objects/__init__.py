"""Small objects: CFPT and the necks it is compared with."""
