"""Stage infer: workspaces, p-values and limits."""
