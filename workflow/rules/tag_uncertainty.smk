rule tag_uncertainty:
    input:
        files=lambda wildcards: plan.trust_reads("uncertainty", wildcards.name),
    output:
        result=f"{plan.base}/tag/uncertainty/{{name}}/uncertainty.json",
        table=f"{plan.base}/tag/uncertainty/{{name}}/uncertainty.md",
    log:
        f"{plan.base}/logs/tag/uncertainty/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/uncertainty/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("uncertainty"),
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        settings=lambda wildcards: plan.settings("uncertainty", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("uncertainty", wildcards.name),
        code=lambda wildcards: plan.trust_code("uncertainty", wildcards.name),
    message:
        "Measure the uncertainty of a tagger: {wildcards.name}"
    shell:
        "resonaut tag uncertainty --settings {params.settings:q} {params.inputs} --threads {threads}"
        " --output {output.result:q} --table {output.table:q} > {log:q} 2>&1"
