"""Stage represent: features, jet images and point clouds from the event store."""
