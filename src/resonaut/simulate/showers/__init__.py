"""Calorimeter showers: materials, geometry, development, cells, electronics and files."""
