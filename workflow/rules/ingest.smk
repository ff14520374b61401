localrules:
    ingest,
    ingest_manifest,


rule ingest:
    input:
        plan.targets("ingest"),


rule ingest_chunk:
    input:
        events=lambda wildcards: plan.local_files(wildcards.dataset, "nominal", wildcards.chunk),
        minimum_bias=lambda wildcards: plan.minimum_bias_files(wildcards.dataset, wildcards.variation),
    output:
        store=f"{plan.base}/ingest/{{dataset}}/{{variation}}/{{chunk}}.h5",
    log:
        f"{plan.base}/logs/ingest/{{dataset}}/{{variation}}/{{chunk}}.log",
    benchmark:
        f"{plan.base}/benchmarks/ingest/{{dataset}}/{{variation}}/{{chunk}}.tsv"
    wildcard_constraints:
        variation=plan.ingested_variations(),
    group:
        lambda wildcards: plan.chunk_group(wildcards.dataset)
    conda:
        "../../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * plan.ingest_memory(wildcards.dataset, wildcards.variation),
        runtime=lambda wildcards, attempt: attempt
        * plan.ingest_minutes(wildcards.dataset, wildcards.variation),
    params:
        settings=lambda wildcards: plan.settings(
            "ingest", dataset=wildcards.dataset, variation=wildcards.variation
        ),
        files=lambda wildcards: plan.file_list(wildcards.dataset, "nominal", wildcards.chunk),
        added=lambda wildcards: plan.minimum_bias_arguments(wildcards.dataset, wildcards.variation),
        code=lambda wildcards: plan.ingest_code(wildcards.dataset, wildcards.variation),
    message:
        "Ingest {wildcards.dataset}, chunk {wildcards.chunk}, {wildcards.variation}"
    shell:
        "resonaut ingest --files {params.files:q} --settings {params.settings:q} {params.added} --output {output.store:q} > {log:q} 2>&1"


rule ingest_manifest:
    input:
        chunks=lambda wildcards: plan.chunks(
            f"ingest/{wildcards.dataset}/{wildcards.variation}", wildcards.dataset
        ),
    output:
        manifest=report(
            f"{plan.base}/ingest/{{dataset}}/{{variation}}/manifest.json",
            caption="../report/manifest.rst",
            category="ingest",
            subcategory="{dataset}",
        ),
    log:
        f"{plan.base}/logs/ingest/{{dataset}}/{{variation}}/manifest.log",
    benchmark:
        f"{plan.base}/benchmarks/ingest/{{dataset}}/{{variation}}/manifest.tsv"
    conda:
        "../../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=plan.code("manifest"),
    message:
        "List the chunks of {wildcards.dataset}"
    shell:
        "resonaut manifest --output {output.manifest:q} {input.chunks:q} > {log:q} 2>&1"
