rule tag_response:
    input:
        files=lambda wildcards: plan.trust_reads("response", wildcards.name),
    output:
        result=f"{plan.base}/tag/response/{{name}}/response.json",
        table=f"{plan.base}/tag/response/{{name}}/response.md",
    log:
        f"{plan.base}/logs/tag/response/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/response/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("response"),
    conda:
        "../../envs/tag.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=lambda wildcards: plan.settings("response", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("response", wildcards.name),
        code=lambda wildcards: plan.trust_code("response", wildcards.name),
    message:
        "Measure the systematic response of taggers: {wildcards.name}"
    shell:
        "resonaut tag response --settings {params.settings:q} {params.inputs}"
        " --output {output.result:q} --table {output.table:q} > {log:q} 2>&1"
