localrules:
    simulate,


rule simulate:
    input:
        plan.targets("simulate"),


rule simulate_chunk:
    output:
        events="results/_data/{data}/{variation}/{chunk}.root",
    log:
        "results/_data/{data}/logs/{variation}/{chunk}.log",
    benchmark:
        "results/_data/{data}/benchmarks/{variation}/{chunk}.tsv"
    group:
        lambda wildcards: plan.chunk_group(plan.dataset_of(wildcards.data))
    conda:
        "../../envs/simulate.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: attempt
        * plan.chunk_minutes(plan.dataset_of(wildcards.data), milliseconds=50, at_most=120),
    params:
        settings=lambda wildcards: plan.settings("simulate", dataset=plan.dataset_of(wildcards.data)),
        number=lambda wildcards: int(wildcards.chunk.split("/")[1]),
        code=lambda wildcards: plan.simulation_code(plan.dataset_of(wildcards.data)),
    message:
        "Simulate {wildcards.data}, chunk {wildcards.chunk}"
    shell:
        "resonaut simulate --settings {params.settings:q} --chunk {params.number} --output {output.events:q} > {log:q} 2>&1"


use rule simulate_chunk as simulate_showers with:
    output:
        events="results/_data/{data}/{variation}/{chunk}.h5",
    message:
        "Simulate showers {wildcards.data}, chunk {wildcards.chunk}"
