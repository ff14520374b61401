localrules:
    infer,


rule infer:
    input:
        plan.targets("infer"),


rule infer_significance:
    input:
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
    output:
        significance=f"{plan.base}/infer/{{mixture}}/{{method}}/significance.json",
        workspaces=directory(f"{plan.base}/infer/{{mixture}}/{{method}}/workspaces"),
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{method}}.tsv"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=lambda wildcards: plan.settings("infer"),
        code=lambda wildcards: plan.statistics_code("infer"),
    message:
        "Significance and limits of {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut infer --settings {params.settings:q} --spectra {input.spectra}"
        " --significance {output.significance} --workspaces {output.workspaces} > {log} 2>&1"
