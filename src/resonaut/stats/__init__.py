"""Ground floor shared by hunt and infer: background functions, likelihoods."""
