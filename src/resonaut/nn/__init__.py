"""Ground floor shared by tag, generate and detect: networks, training, ensembles, devices."""
