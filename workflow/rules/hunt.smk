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
    group:
        "search"
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
        "resonaut hunt spectra --settings {params.settings:q} --scores {input.scores:q} --output {output.spectra:q}"
        " --summary {output.summary:q} > {log:q} 2>&1"


rule hunt_templates:
    input:
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/scores.h5",
        varied=f"{plan.base}/detect/{{mixture}}/{{method}}/varied.h5",
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
    output:
        templates=f"{plan.base}/hunt/{{mixture}}/{{method}}/templates.h5",
        summary=f"{plan.base}/hunt/{{mixture}}/{{method}}/variations.json",
        table=f"{plan.base}/hunt/{{mixture}}/{{method}}/variations.md",
        response=f"{plan.base}/hunt/{{mixture}}/{{method}}/response.json",
    log:
        f"{plan.base}/logs/hunt/{{mixture}}/{{method}}.templates.log",
    benchmark:
        f"{plan.base}/benchmarks/hunt/{{mixture}}/{{method}}.templates.tsv"
    wildcard_constraints:
        mixture=plan.mixture_names(),
    group:
        "search"
    conda:
        "../../envs/hunt.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        settings=lambda wildcards: plan.settings("templates"),
        code=plan.code("templates"),
    message:
        "Select the signal as {wildcards.method} on {wildcards.mixture} does, with variations"
    shell:
        "resonaut hunt templates --settings {params.settings:q} --scores {input.scores:q} --varied {input.varied:q}"
        " --spectra {input.spectra:q} --output {output.templates:q} --summary {output.summary:q}"
        " --table {output.table:q} --response {output.response:q} > {log:q} 2>&1"


rule hunt_evaluate:
    input:
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/scores.h5",
        metrics=f"{plan.base}/detect/{{mixture}}/{{method}}/metrics.json",
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
        mixture=f"{plan.base}/represent/mixtures/{{mixture}}.h5",
        rows=lambda wildcards: plan.representation("features", plan.datasets_in(wildcards.mixture)),
    output:
        evaluation=f"{plan.base}/hunt/{{mixture}}/{{method}}/evaluation.json",
    log:
        f"{plan.base}/logs/hunt/{{mixture}}/{{method}}.evaluate.log",
    benchmark:
        f"{plan.base}/benchmarks/hunt/{{mixture}}/{{method}}.evaluate.tsv"
    group:
        "search"
    conda:
        "../../envs/hunt.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        settings=lambda wildcards: plan.settings("evaluate_search"),
        inputs=lambda wildcards: plan.arguments("features", plan.datasets_in(wildcards.mixture)),
        code=plan.code("evaluate_search"),
    message:
        "Measure what {wildcards.method} gains and sculpts on {wildcards.mixture}"
    shell:
        "resonaut hunt evaluate --settings {params.settings:q} --scores {input.scores:q}"
        " --metrics {input.metrics:q} --spectra {input.spectra:q} --mixture {input.mixture:q} {params.inputs}"
        " --output {output.evaluation:q} > {log:q} 2>&1"
