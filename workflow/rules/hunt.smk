localrules:
    hunt,


rule hunt:
    input:
        plan.targets("hunt"),


rule hunt_spectra:
    input:
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/scores.h5",
    output:
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
        summary=f"{plan.base}/hunt/{{mixture}}/{{method}}/hunt.json",
    log:
        f"{plan.base}/logs/hunt/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/hunt/{{mixture}}/{{method}}.tsv"
    conda:
        "../../envs/hunt.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        settings=lambda wildcards: plan.settings("hunt"),
        code=lambda wildcards: plan.statistics_code("hunt"),
    message:
        "Select events of {wildcards.mixture} by {wildcards.method} and fit their spectra"
    shell:
        "resonaut hunt --settings {params.settings:q} --scores {input.scores} --output {output.spectra}"
        " --summary {output.summary} > {log} 2>&1"
