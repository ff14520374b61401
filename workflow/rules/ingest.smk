localrules:
    ingest,
    ingest_manifest,


rule ingest:
    input:
        plan.targets("ingest"),


rule ingest_chunk:
    input:
        events=lambda wildcards: plan.local_files(wildcards.dataset, wildcards.variation, wildcards.chunk),
    output:
        store=f"{plan.base}/ingest/{{dataset}}/{{variation}}/{{chunk}}.h5",
    log:
        f"{plan.base}/logs/ingest/{{dataset}}/{{variation}}/{{chunk}}.log",
    benchmark:
        f"{plan.base}/benchmarks/ingest/{{dataset}}/{{variation}}/{{chunk}}.tsv"
    group:
        lambda wildcards: plan.chunk_group(wildcards.dataset)
    conda:
        "../../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: attempt
        * plan.chunk_minutes(wildcards.dataset, milliseconds=10, at_most=30),
    params:
        settings=lambda wildcards: plan.settings("ingest", dataset=wildcards.dataset),
        files=lambda wildcards: plan.file_list(wildcards.dataset, wildcards.variation, wildcards.chunk),
        code=lambda wildcards: plan.reader_code(wildcards.dataset),
    message:
        "Ingest {wildcards.dataset}, chunk {wildcards.chunk}"
    shell:
        "resonaut ingest --files {params.files:q} --settings {params.settings:q} --output {output.store:q} > {log:q} 2>&1"


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
