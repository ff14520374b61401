rule detect_monitor:
    input:
        files=lambda wildcards: plan.trust_reads("monitor", wildcards.name),
    output:
        result=f"{plan.base}/detect/monitor/{{name}}/monitor.json",
        table=f"{plan.base}/detect/monitor/{{name}}/monitor.md",
    log:
        f"{plan.base}/logs/detect/monitor/{{name}}.log",
    benchmark:
        f"{plan.base}/benchmarks/detect/monitor/{{name}}.tsv"
    wildcard_constraints:
        name=plan.trust_names("monitor"),
    conda:
        "../../envs/detect.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("monitor", name=wildcards.name),
        inputs=lambda wildcards: plan.trust_arguments("monitor", wildcards.name),
        code=lambda wildcards: plan.trust_code("monitor", wildcards.name),
    message:
        "Watch histograms of runs: {wildcards.name}"
    shell:
        "resonaut detect monitor --settings {params.settings:q} {params.inputs} --threads {threads}"
        " --output {output.result:q} --table {output.table:q} > {log:q} 2>&1"
