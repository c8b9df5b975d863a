"""Orders in which a data set is visited, and the class statistics that some of them need."""
