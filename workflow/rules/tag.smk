localrules:
    tag,


rule tag:
    input:
        plan.targets("tag"),


rule tag_train:
    input:
        rows=lambda wildcards: plan.representation(*plan.inputs_of("tag", wildcards.method)),
    output:
        weights=f"{plan.base}/tag/{{method}}/weights.safetensors",
        scores=f"{plan.base}/tag/{{method}}/scores.h5",
        metrics=f"{plan.base}/tag/{{method}}/metrics.json",
    log:
        f"{plan.base}/logs/tag/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("tag", method=wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("tag", wildcards.method)),
        code=lambda wildcards: plan.code("tag", wildcards.method),
    message:
        "Train the tagger {wildcards.method}"
    shell:
        "resonaut tag train --settings {params.settings:q} {params.inputs} --weights {output.weights}"
        " --scores {output.scores} --metrics {output.metrics} > {log} 2>&1"
