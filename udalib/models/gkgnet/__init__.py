"""GKGNet: a pyramid of patch graphs (Pyramid ViG with group k-NN), label nodes, and the network made of both."""
