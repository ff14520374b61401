localrules:
    infer,
    infer_compare,


rule infer:
    input:
        plan.targets("infer"),


rule infer_significance:
    input:
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
        signal=plan.signal_files(),
        templates=lambda wildcards: plan.templates_files(wildcards.mixture, wildcards.method),
    output:
        significance=f"{plan.base}/infer/{{mixture}}/{{method}}/significance.json",
        workspaces=directory(f"{plan.base}/infer/{{mixture}}/{{method}}/workspaces"),
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{method}}.tsv"
    group:
        "search"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=lambda wildcards: plan.settings("infer"),
        signal=plan.signal_arguments(),
        variations=lambda wildcards: plan.templates_arguments(wildcards.mixture, wildcards.method),
        code=lambda wildcards: plan.statistics_code("infer"),
    message:
        "Significance and limits of {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut infer test --settings {params.settings:q} --spectra {input.spectra:q}"
        " --significance {output.significance:q} --workspaces {output.workspaces:q} {params.signal}"
        " {params.variations} > {log:q} 2>&1"


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
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        evaluations=plan.named_searches("hunt/evaluation.json"),
        significances=plan.named_searches("infer/significance.json"),
        code=plan.code("compare_searches"),
    message:
        "Compare the methods: gain, sculpting, significance"
    shell:
        "resonaut infer compare --evaluations {params.evaluations} --significances {params.significances}"
        " --output {output.comparison:q} --table {output.table:q} > {log:q} 2>&1"


rule infer_validate:
    input:
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
        signal=plan.signal_files(),
    output:
        f"{plan.base}/infer/{{mixture}}/{{method}}/validation.json",
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{method}}.validation.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{method}}.validation.tsv"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=lambda wildcards: plan.settings("validate"),
        signal=plan.signal_arguments(),
        code=lambda wildcards: plan.statistics_code("validate"),
    message:
        "Injected signals, pulls and coverage of {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut infer validate --settings {params.settings:q} --spectra {input.spectra:q}"
        " --output {output:q} {params.signal} > {log:q} 2>&1"


rule infer_linearity:
    input:
        evaluations=plan.compared_searches("hunt/evaluation.json"),
        significances=plan.compared_searches("infer/significance.json"),
    output:
        f"{plan.base}/infer/linearity.json",
    log:
        f"{plan.base}/logs/infer/linearity.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/linearity.tsv"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        evaluations=plan.named_searches("hunt/evaluation.json"),
        significances=plan.named_searches("infer/significance.json"),
        code=plan.code("linearity"),
    message:
        "Fitted against true signal over all injections"
    shell:
        "resonaut infer linearity --evaluations {params.evaluations} --significances {params.significances}"
        " --output {output:q} > {log:q} 2>&1"


rule infer_conformal:
    input:
        spectra=f"{plan.base}/hunt/{{mixture}}/{{method}}/spectra.h5",
    output:
        conformal=f"{plan.base}/infer/{{mixture}}/{{method}}/conformal.json",
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{method}}.conformal.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{method}}.conformal.tsv"
    group:
        "search"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=plan.statistics_code("conformal"),
    message:
        "Conformal significance of {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut infer conformal --spectra {input.spectra:q} --output {output.conformal:q} > {log:q} 2>&1"


rule infer_trials:
    input:
        spectra=lambda wildcards: plan.trials_files(wildcards.mixture),
        data=lambda wildcards: list(plan.trials_data(wildcards.mixture).values()),
        signal=plan.signal_files(),
    output:
        trials=f"{plan.base}/infer/{{mixture}}/trials.json",
        table=f"{plan.base}/infer/{{mixture}}/trials.md",
    log:
        f"{plan.base}/logs/infer/{{mixture}}.trials.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}.trials.tsv"
    wildcard_constraints:
        mixture=plan.mixture_names(),
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("trials", mixture=wildcards.mixture),
        spectra=lambda wildcards: plan.trials_arguments(wildcards.mixture),
        data=lambda wildcards: plan.trials_data_arguments(wildcards.mixture),
        signal=plan.signal_arguments(),
        code=lambda wildcards: plan.statistics_code("trials"),
    message:
        "Compare global p-values on the pseudo-experiments of {wildcards.mixture}"
    shell:
        "resonaut infer trials --settings {params.settings:q} --spectra {params.spectra}"
        " --data {params.data} {params.signal} --output {output.trials:q} --table {output.table:q} > {log:q} 2>&1"


rule infer_global:
    input:
        spectra=lambda wildcards: plan.spectra_files(wildcards.mixture),
        scores=lambda wildcards: plan.masses_file(wildcards.mixture),
        signal=plan.signal_files(),
    output:
        f"{plan.base}/infer/{{mixture}}/global.json",
    log:
        f"{plan.base}/logs/infer_global/{{mixture}}.log",
    benchmark:
        f"{plan.base}/benchmarks/infer_global/{{mixture}}.tsv"
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("global"),
        spectra=lambda wildcards: plan.spectra_arguments(wildcards.mixture),
        signal=plan.signal_arguments(),
        code=lambda wildcards: plan.statistics_code("global"),
    message:
        "Global significance of all tests of {wildcards.mixture}"
    shell:
        "resonaut infer global --settings {params.settings:q} --spectra {params.spectra}"
        " --scores {input.scores:q} --output {output:q} {params.signal} > {log:q} 2>&1"
