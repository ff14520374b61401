"""An autoencoder of histograms that watches the data."""
