"""Small networks in fixed-point numbers, for a trigger."""
