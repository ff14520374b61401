localrules:
    detect,


rule detect:
    input:
        plan.targets("detect"),


rule detect_train:
    input:
        mixture=f"{plan.base}/represent/mixtures/{{mixture}}.h5",
        rows=lambda wildcards: plan.detector_files(wildcards.mixture, wildcards.method),
    output:
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/scores.h5",
        metrics=f"{plan.base}/detect/{{mixture}}/{{method}}/metrics.json",
    log:
        f"{plan.base}/logs/detect/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/detect/{{mixture}}/{{method}}.tsv"
    conda:
        "../../envs/detect.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=lambda wildcards: plan.settings("detect", mixture=wildcards.mixture, method=wildcards.method),
        inputs=lambda wildcards: plan.detector_arguments(wildcards.mixture, wildcards.method),
        code=lambda wildcards: plan.code("detect", wildcards.method),
    message:
        "Train {wildcards.method} on {wildcards.mixture}: all windows, folds and restarts at once"
    shell:
        "resonaut detect --settings {params.settings:q} --mixture {input.mixture} {params.inputs}"
        " --output {output.scores} --metrics {output.metrics} > {log} 2>&1"
