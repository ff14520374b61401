localrules:
    generate,


rule generate:
    input:
        plan.targets("generate"),


rule generate_train:
    input:
        rows=lambda wildcards: plan.representation(*plan.inputs_of("generate", wildcards.method)),
    output:
        weights=f"{plan.base}/generate/{{method}}/weights.safetensors",
        samples=f"{plan.base}/generate/{{method}}/samples.h5",
        metrics=f"{plan.base}/generate/{{method}}/metrics.json",
    log:
        text=f"{plan.base}/logs/generate/{{method}}.log",
        epochs=f"{plan.base}/logs/generate/{{method}}.jsonl",
    benchmark:
        f"{plan.base}/benchmarks/generate/{{method}}.tsv"
    conda:
        "../../envs/generate.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("generate", method=wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("generate", wildcards.method)),
        code=lambda wildcards: plan.code("generate", wildcards.method),
    message:
        "Train the generator {wildcards.method}"
    shell:
        "resonaut generate train --settings {params.settings:q} {params.inputs} --weights {output.weights}"
        " --samples {output.samples} --metrics {output.metrics} --epochs {log.epochs} > {log.text} 2>&1"
