rule tag_weak:
    input:
        files=lambda wildcards: plan.trust_reads("weak", wildcards.name),
    output:
        result=f"{plan.base}/tag/weak/{{name}}/weak.json",
        table=f"{plan.base}/tag/weak/{{name}}/weak.md",
    log:
        f"{plan.base}/logs/tag/weak/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/weak/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("weak"),
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        settings=lambda wildcards: plan.settings("weak", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("weak", wildcards.name),
        code=lambda wildcards: plan.trust_code("weak", wildcards.name),
    message:
        "Train a tagger on mixed samples: {wildcards.name}"
    shell:
        "resonaut tag weak --settings {params.settings:q} {params.inputs} --threads {threads}"
        " --output {output.result:q} --table {output.table:q} > {log:q} 2>&1"
