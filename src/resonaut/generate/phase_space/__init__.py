"""Sampling of phase space for known matrix elements: uniform, adaptive grid, flow."""
