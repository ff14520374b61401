localrules:
    archive,


# What `resonaut archive` packs; that command is no rule, for it asks Snakemake itself.
rule archive:
    input:
        plan.archived(),
