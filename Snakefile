# `snakemake` from a fresh clone runs the default study (config/demo.yaml).
include: "workflow/Snakefile"


workflow.default_target = "all"
