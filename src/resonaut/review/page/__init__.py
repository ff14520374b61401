"""The page that a reviewer reads: one HTML file that holds everything and asks nothing of a network."""
