rule tag_explain:
    input:
        rows=lambda wildcards: plan.trust_reads("explain", wildcards.name),
    output:
        explain=f"{plan.base}/tag/explain/{{name}}/explain.json",
        table=f"{plan.base}/tag/explain/{{name}}/explain.md",
    log:
        f"{plan.base}/logs/tag/explain/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/explain/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("explain"),
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=lambda wildcards: plan.settings("explain", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("explain", wildcards.name),
        code=lambda wildcards: plan.trust_code("explain", wildcards.name),
    message:
        "Say what a tagger looks at: {wildcards.name}"
    shell:
        "resonaut tag explain --settings {params.settings:q} {params.inputs} --threads {threads}"
        " --output {output.explain:q} --table {output.table:q} > {log:q} 2>&1"
