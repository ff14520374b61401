rule tag_cluster:
    input:
        rows=lambda wildcards: plan.representation("showers", [plan.study.cluster[wildcards.name].dataset]),
    output:
        weights=f"{plan.base}/tag/cluster/{{name}}/weights.safetensors",
        separation=f"{plan.base}/tag/cluster/{{name}}/separation.json",
    log:
        f"{plan.base}/logs/tag/cluster/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/cluster/{{name}}.tsv"
    wildcard_constraints:
        name="[a-z][a-z0-9_]*",
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=lambda wildcards: plan.settings("cluster", name=wildcards.name),
        inputs=lambda wildcards: plan.manifests(
            "showers", [plan.study.cluster[wildcards.name].dataset]
        ).popitem()[1],
        code=plan.code("cluster"),
    message:
        "Share out the hits of overlapping showers: {wildcards.name}"
    shell:
        "resonaut tag cluster --settings {params.settings:q} --showers {params.inputs} --threads {threads}"
        " --weights {output.weights:q} --output {output.separation:q} > {log:q} 2>&1"
