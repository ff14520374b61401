localrules:
    generate,
    generate_compare,


rule generate:
    input:
        plan.targets("generate"),


rule generate_train:
    input:
        rows=lambda wildcards: plan.representation(*plan.inputs_of("generate", wildcards.method)),
    output:
        weights=f"{plan.base}/generate/{{method}}/weights.safetensors",
        training=f"{plan.base}/generate/{{method}}/training.json",
    log:
        text=f"{plan.base}/logs/generate/{{method}}.log",
        epochs=f"{plan.base}/logs/generate/{{method}}.jsonl",
    benchmark:
        f"{plan.base}/benchmarks/generate/{{method}}.tsv"
    conda:
        "../../envs/generate.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("generate", method=wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("generate", wildcards.method)),
        code=lambda wildcards: plan.code("generate", wildcards.method),
    message:
        "Train the generator {wildcards.method}"
    shell:
        "resonaut generate train --settings {params.settings:q} {params.inputs} --weights {output.weights:q}"
        " --training {output.training:q} --epochs {log.epochs:q} > {log.text:q} 2>&1"


rule generate_sample:
    input:
        weights=f"{plan.base}/generate/{{method}}/weights.safetensors",
        rows=lambda wildcards: plan.representation(*plan.inputs_of("generate", wildcards.method)),
    output:
        samples=f"{plan.base}/generate/{{method}}/samples.h5",
    log:
        f"{plan.base}/logs/generate/{{method}}.sample.log",
    benchmark:
        f"{plan.base}/benchmarks/generate/{{method}}.sample.tsv"
    conda:
        "../../envs/generate.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("generate_sample", method=wildcards.method),
        options=lambda wildcards: plan.sampling_options(wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("generate", wildcards.method)),
        code=lambda wildcards: plan.code("generate_sample", wildcards.method),
    message:
        "Draw from the generator {wildcards.method}"
    shell:
        "resonaut generate sample --weights {input.weights:q} {params.inputs} {params.options}"
        " --output {output.samples:q} > {log:q} 2>&1"


rule generate_time:
    input:
        weights=f"{plan.base}/generate/{{method}}/weights.safetensors",
        rows=lambda wildcards: plan.representation(*plan.inputs_of("generate", wildcards.method)),
    output:
        timing=f"{plan.base}/generate/{{method}}/timing.json",
    log:
        f"{plan.base}/logs/generate/{{method}}.time.log",
    benchmark:
        f"{plan.base}/benchmarks/generate/{{method}}.time.tsv"
    conda:
        "../../envs/generate.yaml"
    # What runs beside it would be measured too: it asks for all cores.
    threads: workflow.resource_settings.cores or 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("generate_time", method=wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("generate", wildcards.method)),
        code=lambda wildcards: plan.code("generate_time", wildcards.method),
    message:
        "Measure the time per row of the generator {wildcards.method}"
    shell:
        "resonaut generate time --settings {params.settings:q} --weights {input.weights:q} {params.inputs}"
        " --output {output.timing:q} > {log:q} 2>&1"


rule generate_dataset:
    input:
        weights=lambda wildcards: plan.drawn_from_weights(wildcards.dataset),
        like=lambda wildcards: plan.drawn_like(wildcards.dataset),
    output:
        rows=f"{plan.base}/represent/{{dataset}}/nominal/{{kind}}/{{chunk}}.h5",
    log:
        f"{plan.base}/logs/represent/{{dataset}}/nominal/{{kind}}/{{chunk}}.log",
    benchmark:
        f"{plan.base}/benchmarks/represent/{{dataset}}/nominal/{{kind}}/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=plan.drawn_names(),
    conda:
        "../../envs/generate.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("generate_dataset", dataset=wildcards.dataset),
        options=lambda wildcards: plan.drawing_options_of(wildcards.dataset),
        code=lambda wildcards: plan.dataset_code(wildcards.dataset),
    message:
        "Draw {wildcards.dataset}, chunk {wildcards.chunk}"
    shell:
        "resonaut generate dataset --settings {params.settings:q} --weights {input.weights:q} {params.options}"
        " --chunk {wildcards.chunk:q} --output {output.rows:q} > {log:q} 2>&1"


rule generate_features:
    input:
        showers=f"{plan.base}/represent/{{dataset}}/nominal/showers/{{chunk}}.h5",
    output:
        rows=f"{plan.base}/represent/{{dataset}}/nominal/features/{{chunk}}.h5",
    log:
        f"{plan.base}/logs/represent/{{dataset}}/nominal/features/{{chunk}}.log",
    benchmark:
        f"{plan.base}/benchmarks/represent/{{dataset}}/nominal/features/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=plan.drawn_showers(),
    conda:
        "../../envs/represent.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=plan.settings("shower_features"),
        code=plan.code("shower_features"),
    message:
        "Features of the drawn showers of {wildcards.dataset}, chunk {wildcards.chunk}"
    shell:
        "resonaut represent features --settings {params.settings:q} --input {input.showers:q}"
        " --output {output.rows:q} > {log:q} 2>&1"


# Of showers that a generator draws, features are not drawn but made.
ruleorder: generate_features > generate_dataset


rule generate_evaluate:
    input:
        samples=f"{plan.base}/generate/{{method}}/samples.h5",
        rows=lambda wildcards: plan.representation(*plan.inputs_of("generate", wildcards.method)),
    output:
        evaluation=f"{plan.base}/generate/{{method}}/evaluation.json",
    log:
        f"{plan.base}/logs/generate/{{method}}.evaluate.log",
    benchmark:
        f"{plan.base}/benchmarks/generate/{{method}}.evaluate.tsv"
    conda:
        "../../envs/generate.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("generate_evaluate", method=wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("generate", wildcards.method)),
        code=lambda wildcards: plan.code("generate_evaluate", wildcards.method),
    message:
        "Evaluate the generator {wildcards.method}"
    shell:
        "resonaut generate evaluate --settings {params.settings:q} {params.inputs}"
        " --samples {input.samples:q} --output {output.evaluation:q} > {log:q} 2>&1"


rule generate_compare:
    input:
        plan.compared_generator_files(),
    output:
        comparison=f"{plan.base}/generate/comparison.json",
        table=f"{plan.base}/generate/comparison.md",
    log:
        f"{plan.base}/logs/generate/comparison.log",
    benchmark:
        f"{plan.base}/benchmarks/generate/comparison.tsv"
    conda:
        "../../envs/generate.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        inputs=plan.comparison_of_generators(),
        code=plan.code("generate_compare"),
    message:
        "Compare the generators"
    shell:
        "resonaut generate compare {params.inputs} --output {output.comparison:q} --table {output.table:q}"
        " > {log:q} 2>&1"


rule generate_amplify:
    output:
        errors=f"{plan.base}/generate/amplification/{{method}}/errors.json",
    log:
        f"{plan.base}/logs/generate/amplification/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/generate/amplification/{{method}}.tsv"
    conda:
        "../../envs/generate.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("amplify", name=wildcards.method),
        code=plan.code("amplify"),
    message:
        "Measure how many true events generated ones are worth: {wildcards.method}"
    shell:
        "resonaut generate amplify --settings {params.settings:q} --threads {threads}"
        " --output {output.errors:q} > {log:q} 2>&1"
