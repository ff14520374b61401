localrules:
    represent,
    represent_manifest,
    represent_mix,


rule represent:
    input:
        plan.targets("represent"),


rule represent_chunk:
    input:
        store=lambda wildcards: plan.represented_from(wildcards.dataset, wildcards.variation, wildcards.chunk),
    output:
        rows=f"{plan.base}/represent/{{dataset}}/{{variation}}/{{kind}}/{{chunk}}.h5",
    log:
        f"{plan.base}/logs/represent/{{dataset}}/{{variation}}/{{kind}}/{{chunk}}.log",
    benchmark:
        f"{plan.base}/benchmarks/represent/{{dataset}}/{{variation}}/{{kind}}/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=plan.dataset_names(),
    group:
        lambda wildcards: plan.chunk_group(wildcards.dataset)
    conda:
        "../../envs/represent.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: attempt
        * plan.chunk_minutes(wildcards.dataset, milliseconds=10, at_most=30),
    params:
        settings=lambda wildcards: plan.represent_settings(
            wildcards.kind, wildcards.dataset, wildcards.variation
        ),
        code=lambda wildcards: plan.represent_code(wildcards.kind, wildcards.dataset, wildcards.variation),
    message:
        "Represent {wildcards.dataset} as {wildcards.kind}, chunk {wildcards.chunk}"
    shell:
        "resonaut represent {wildcards.kind:q} --settings {params.settings:q} --input {input.store:q}"
        " --output {output.rows:q} > {log:q} 2>&1"


rule represent_manifest:
    input:
        chunks=lambda wildcards: plan.chunks(
            f"represent/{wildcards.dataset}/{wildcards.variation}/{wildcards.kind}", wildcards.dataset
        ),
    output:
        manifest=f"{plan.base}/represent/{{dataset}}/{{variation}}/{{kind}}.json",
    log:
        f"{plan.base}/logs/represent/{{dataset}}/{{variation}}/{{kind}}.log",
    benchmark:
        f"{plan.base}/benchmarks/represent/{{dataset}}/{{variation}}/{{kind}}.tsv"
    conda:
        "../../envs/represent.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=plan.code("manifest"),
    message:
        "List the {wildcards.kind} of {wildcards.dataset}"
    shell:
        "resonaut manifest --output {output.manifest:q} {input.chunks:q} > {log:q} 2>&1"


rule represent_mix:
    input:
        rows=lambda wildcards: plan.representation("features", plan.datasets_in(wildcards.mixture)),
    output:
        mixture=f"{plan.base}/represent/mixtures/{{mixture}}.h5",
    log:
        f"{plan.base}/logs/represent/mixtures/{{mixture}}.log",
    benchmark:
        f"{plan.base}/benchmarks/represent/mixtures/{{mixture}}.tsv"
    wildcard_constraints:
        mixture=plan.mixture_names(),
    conda:
        "../../envs/represent.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=lambda wildcards: plan.settings("mix", mixture=wildcards.mixture),
        features=lambda wildcards: plan.arguments(
            "features", plan.datasets_in(wildcards.mixture), "--manifests"
        ),
        code=plan.code("mix"),
    message:
        "Draw the mixture {wildcards.mixture}"
    shell:
        "resonaut represent mix --settings {params.settings:q} {params.features}"
        " --output {output.mixture:q} > {log:q} 2>&1"
