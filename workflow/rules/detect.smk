localrules:
    detect,
    detect_join,


rule detect:
    input:
        plan.targets("detect"),


rule detect_train:
    input:
        mixture=f"{plan.base}/represent/mixtures/{{mixture}}.h5",
        rows=lambda wildcards: plan.detector_files(wildcards.mixture, wildcards.method),
        varied=lambda wildcards: plan.varied_rows(wildcards.mixture, wildcards.method),
    output:
        **plan.varied_scores(""),
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/scores.h5",
        metrics=f"{plan.base}/detect/{{mixture}}/{{method}}/metrics.json",
    log:
        f"{plan.base}/logs/detect/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/detect/{{mixture}}/{{method}}.tsv"
    wildcard_constraints:
        method=plan.split(into_parts=False),
    conda:
        "../../envs/detect.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=lambda wildcards: plan.settings("detect", mixture=wildcards.mixture, method=wildcards.method),
        inputs=lambda wildcards: plan.detector_arguments(wildcards.mixture, wildcards.method),
        varied=lambda wildcards, output: plan.varied_arguments(wildcards.mixture, wildcards.method, output),
        code=lambda wildcards: plan.code("detect", wildcards.method),
    message:
        "Train {wildcards.method} on {wildcards.mixture}: all windows, folds and restarts at once"
    shell:
        "resonaut detect train --settings {params.settings:q} --mixture {input.mixture:q} {params.inputs}"
        " {params.varied} --output {output.scores:q} --metrics {output.metrics:q} > {log:q} 2>&1"


rule detect_part:
    input:
        mixture=f"{plan.base}/represent/mixtures/{{mixture}}.h5",
        rows=lambda wildcards: plan.detector_files(wildcards.mixture, wildcards.method),
        varied=lambda wildcards: plan.varied_rows(wildcards.mixture, wildcards.method),
    output:
        **plan.varied_scores("parts/{windows}/"),
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/parts/{{windows}}/scores.h5",
        metrics=f"{plan.base}/detect/{{mixture}}/{{method}}/parts/{{windows}}/metrics.json",
    log:
        f"{plan.base}/logs/detect/{{mixture}}/{{method}}.parts/{{windows}}.log",
    benchmark:
        f"{plan.base}/benchmarks/detect/{{mixture}}/{{method}}.parts/{{windows}}.tsv"
    wildcard_constraints:
        method=plan.split(into_parts=True),
    conda:
        "../../envs/detect.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=lambda wildcards: plan.settings(
            "detect", mixture=wildcards.mixture, method=wildcards.method, windows=wildcards.windows
        ),
        inputs=lambda wildcards: plan.detector_arguments(wildcards.mixture, wildcards.method),
        varied=lambda wildcards, output: plan.varied_arguments(wildcards.mixture, wildcards.method, output),
        code=lambda wildcards: plan.code("detect", wildcards.method),
    message:
        "Train {wildcards.method} on {wildcards.mixture} in the windows {wildcards.windows}"
    shell:
        "resonaut detect train --settings {params.settings:q} --mixture {input.mixture:q} {params.inputs}"
        " {params.varied} --output {output.scores:q} --metrics {output.metrics:q} > {log:q} 2>&1"


rule detect_join:
    input:
        scores=lambda wildcards: plan.part_files(wildcards.mixture, wildcards.method, "scores.h5"),
        metrics=lambda wildcards: plan.part_files(wildcards.mixture, wildcards.method, "metrics.json"),
        varied=lambda wildcards: plan.varied_parts(wildcards.mixture, wildcards.method),
    output:
        **plan.varied_scores(""),
        scores=f"{plan.base}/detect/{{mixture}}/{{method}}/scores.h5",
        metrics=f"{plan.base}/detect/{{mixture}}/{{method}}/metrics.json",
    log:
        f"{plan.base}/logs/detect/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/detect/{{mixture}}/{{method}}.tsv"
    wildcard_constraints:
        method=plan.split(into_parts=True),
    conda:
        "../../envs/detect.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=lambda wildcards: plan.settings("detect", mixture=wildcards.mixture, method=wildcards.method),
        varied=lambda wildcards, input, output: plan.joined_arguments(input.varied, output),
        code=plan.code("join"),
    message:
        "Join the windows of {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut detect join --settings {params.settings:q} --scores {input.scores:q} --parts {input.metrics:q}"
        " {params.varied} --output {output.scores:q} --metrics {output.metrics:q} > {log:q} 2>&1"
