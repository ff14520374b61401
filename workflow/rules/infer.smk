localrules:
    infer,
    infer_compare,


rule infer:
    input:
        plan.targets("infer"),


rule infer_significance:
    input:
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
    output:
        significance=f"{plan.base}/infer/{{mixture}}/{{method}}/significance.json",
        workspaces=directory(f"{plan.base}/infer/{{mixture}}/{{method}}/workspaces"),
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{method}}.tsv"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=lambda wildcards: plan.settings("infer"),
        code=lambda wildcards: plan.statistics_code("infer"),
    message:
        "Significance and limits of {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut infer test --settings {params.settings:q} --spectra {input.spectra}"
        " --significance {output.significance} --workspaces {output.workspaces} > {log} 2>&1"


rule infer_compare:
    input:
        evaluations=plan.compared_searches("hunt/evaluation.json"),
        significances=plan.compared_searches("infer/significance.json"),
    output:
        comparison=f"{plan.base}/infer/comparison.json",
        table=f"{plan.base}/infer/comparison.md",
    log:
        f"{plan.base}/logs/infer/comparison.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/comparison.tsv"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        evaluations=plan.named_searches("hunt/evaluation.json"),
        significances=plan.named_searches("infer/significance.json"),
        code=plan.code("compare_searches"),
    message:
        "Compare the methods: gain, sculpting, significance"
    shell:
        "resonaut infer compare --evaluations {params.evaluations} --significances {params.significances}"
        " --output {output.comparison} --table {output.table} > {log} 2>&1"
