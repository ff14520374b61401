localrules:
    review_entry,


rule review_entry:
    input:
        rows=lambda wildcards: plan.figure_files(wildcards.stage, wildcards.method),
    output:
        figure=report(
            f"{plan.base}/review/{{stage}}/{{method}}.png",
            caption="../report/entry.rst",
            category=lambda wildcards: wildcards.stage.partition("_")[0],
        ),
        vector=f"{plan.base}/review/{{stage}}/{{method}}.pdf",
        drawing=f"{plan.base}/review/{{stage}}/{{method}}.svg",
        numbers=f"{plan.base}/review/{{stage}}/{{method}}.json",
    log:
        f"{plan.base}/logs/review/{{stage}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}/{{method}}.tsv"
    wildcard_constraints:
        stage="|".join(("generate_amplification", "tag_cluster", "ingest_pileup", *plan.trust_stages())),
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage, wildcards.method),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw {wildcards.stage}: {wildcards.method}"
    shell:
        "resonaut review {wildcards.stage:q} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"
