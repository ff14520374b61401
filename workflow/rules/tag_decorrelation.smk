rule tag_decorrelation:
    input:
        files=lambda wildcards: plan.trust_reads("decorrelation", wildcards.name),
    output:
        result=f"{plan.base}/tag/decorrelation/{{name}}/decorrelation.json",
        table=f"{plan.base}/tag/decorrelation/{{name}}/decorrelation.md",
    log:
        f"{plan.base}/logs/tag/decorrelation/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/decorrelation/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("decorrelation"),
    conda:
        "../../envs/tag.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=lambda wildcards: plan.settings("decorrelation", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("decorrelation", wildcards.name),
        code=lambda wildcards: plan.trust_code("decorrelation", wildcards.name),
    message:
        "Measure the decorrelation of taggers: {wildcards.name}"
    shell:
        "resonaut tag decorrelation --settings {params.settings:q} {params.inputs}"
        " --output {output.result:q} --table {output.table:q} > {log:q} 2>&1"
