localrules:
    represent_pseudo,
    infer_round,


wildcard_constraints:
    experiments=plan.pseudo_names(),
    round=r"\d+",


rule detect_background:
    input:
        mixture=lambda wildcards: f"{plan.base}/represent/mixtures/{plan.imitated(wildcards.dataset)}.h5",
        rows=lambda wildcards: plan.representation(
            "features", plan.datasets_in(plan.imitated(wildcards.dataset))
        ),
    output:
        rows=f"{plan.base}/represent/{{dataset}}/nominal/features/000/000000.h5",
    log:
        f"{plan.base}/logs/detect/{{dataset}}.log",
    benchmark:
        f"{plan.base}/benchmarks/detect/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=plan.generated_names(),
    conda:
        "../../envs/detect.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("background_events", dataset=wildcards.dataset),
        features=lambda wildcards: plan.arguments(
            "features", plan.datasets_in(plan.imitated(wildcards.dataset))
        ),
        code=lambda wildcards: plan.statistics_code("background_events"),
    message:
        "Learn the background from side bands and make {wildcards.dataset}"
    shell:
        "resonaut detect background --settings {params.settings:q} --mixture {input.mixture:q} {params.features}"
        " --output {output.rows:q} > {log:q} 2>&1"


rule represent_pseudo:
    input:
        rows=lambda wildcards: plan.representation("features", plan.datasets_in(wildcards.mixture)),
        more=lambda wildcards: list(plan.drawn_from(wildcards.mixture).values()),
    output:
        mixture=f"{plan.base}/represent/mixtures/{{mixture}}.h5",
    log:
        f"{plan.base}/logs/represent/mixtures/{{mixture}}.log",
    benchmark:
        f"{plan.base}/benchmarks/represent/mixtures/{{mixture}}.tsv"
    wildcard_constraints:
        mixture=plan.part_names(),
    conda:
        "../../envs/represent.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=lambda wildcards: plan.settings("pseudo", mixture=wildcards.mixture),
        features=lambda wildcards: plan.arguments(
            "features", plan.datasets_in(wildcards.mixture), "--manifests"
        ),
        more=lambda wildcards: plan.drawing_options(wildcards.mixture),
        code=plan.code("pseudo"),
    message:
        "Draw the pseudo-experiments {wildcards.mixture}"
    shell:
        "resonaut represent pseudo --settings {params.settings:q} {params.features} {params.more}"
        " --output {output.mixture:q} > {log:q} 2>&1"


rule infer_round:
    input:
        data=lambda wildcards: plan.data_spectra(wildcards.mixture, wildcards.experiments),
        pseudo=lambda wildcards: plan.pseudo_spectra(wildcards.experiments, int(wildcards.round)),
        before=lambda wildcards: plan.round_before(
            wildcards.mixture, wildcards.experiments, int(wildcards.round)
        ),
        signal=plan.signal_files(),
    output:
        state=f"{plan.base}/infer/{{mixture}}/{{experiments}}/round{{round}}.json",
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{experiments}}.round{{round}}.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{experiments}}.round{{round}}.tsv"
    wildcard_constraints:
        mixture=plan.mixture_names(),
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        settings=lambda wildcards: plan.settings(
            "calibrate", mixture=wildcards.mixture, experiments=wildcards.experiments
        ),
        before=lambda wildcards, input: f"--before {input.before}" if input.before else "",
        signal=plan.signal_arguments(),
        code=lambda wildcards: plan.statistics_code("calibrate"),
    message:
        "Round {wildcards.round} of the pseudo-experiments {wildcards.experiments} of {wildcards.mixture}"
    shell:
        "resonaut infer calibrate --settings {params.settings:q} --data {input.data:q} --pseudo {input.pseudo:q}"
        " --round {wildcards.round:q} {params.before} {params.signal} --output {output.state:q} > {log:q} 2>&1"


rule infer_calibrate:
    input:
        data=lambda wildcards: plan.data_spectra(wildcards.mixture, wildcards.experiments),
        pseudo=lambda wildcards: plan.pseudo_spectra(wildcards.experiments),
        null=lambda wildcards: plan.null_calibration(wildcards.experiments),
        signal=plan.signal_files(),
    output:
        calibration=f"{plan.base}/infer/{{mixture}}/{{experiments}}/calibration.json",
    log:
        f"{plan.base}/logs/infer/{{mixture}}/{{experiments}}.calibrate.log",
    benchmark:
        f"{plan.base}/benchmarks/infer/{{mixture}}/{{experiments}}.calibrate.tsv"
    wildcard_constraints:
        mixture=plan.mixture_names(),
    conda:
        "../../envs/infer.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=lambda wildcards: plan.settings(
            "calibrate", mixture=wildcards.mixture, experiments=wildcards.experiments
        ),
        null=lambda wildcards, input: f"--null {input.null}" if input.null else "",
        signal=plan.signal_arguments(),
        code=lambda wildcards: plan.statistics_code("calibrate"),
    message:
        "Global p-value of {wildcards.mixture} from the pseudo-experiments {wildcards.experiments}"
    shell:
        "resonaut infer calibrate --settings {params.settings:q} --data {input.data:q} --pseudo {input.pseudo:q}"
        " {params.null} {params.signal} --output {output.calibration:q} > {log:q} 2>&1"
