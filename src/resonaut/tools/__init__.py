"""Commands for the whole study: run, config, schema, manifest."""
