"""Networks that more than one stage may use."""
