rule tag_stability:
    input:
        files=lambda wildcards: plan.trust_reads("stability", wildcards.name),
    output:
        result=f"{plan.base}/tag/stability/{{name}}/stability.json",
        table=f"{plan.base}/tag/stability/{{name}}/stability.md",
    log:
        f"{plan.base}/logs/tag/stability/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/stability/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("stability"),
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        settings=lambda wildcards: plan.settings("stability", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("stability", wildcards.name),
        code=lambda wildcards: plan.trust_code("stability", wildcards.name),
    message:
        "Train a tagger on fewer rows, other seeds and folds: {wildcards.name}"
    shell:
        "resonaut tag stability --settings {params.settings:q} {params.inputs} --threads {threads}"
        " --output {output.result:q} --table {output.table:q} > {log:q} 2>&1"
