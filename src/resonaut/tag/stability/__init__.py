"""Seeds, folds and the size of the training sample."""
