rule tag_trigger:
    input:
        files=lambda wildcards: plan.trust_reads("trigger", wildcards.name),
    output:
        result=f"{plan.base}/tag/trigger/{{name}}/trigger.json",
        table=f"{plan.base}/tag/trigger/{{name}}/trigger.md",
        firmware=f"{plan.base}/tag/trigger/{{name}}/firmware.zip",
    log:
        f"{plan.base}/logs/tag/trigger/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/trigger/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("trigger"),
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=lambda wildcards: plan.settings("trigger", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("trigger", wildcards.name),
        code=lambda wildcards: plan.trust_code("trigger", wildcards.name),
    message:
        "Put a network into fixed point for a trigger: {wildcards.name}"
    shell:
        "resonaut tag trigger --settings {params.settings:q} {params.inputs} --threads {threads}"
        " --output {output.result:q} --table {output.table:q} --firmware {output.firmware:q} > {log:q} 2>&1"
