localrules:
    tag,
    tag_compare,
    tag_encoded,
    tag_evaluate,
    tag_onnx,
    tune,


rule tag:
    input:
        plan.targets("tag"),


rule tag_onnx:
    input:
        plan.tagger_files("model.onnx"),


rule tune:
    input:
        plan.targets("tune"),


rule tag_train:
    input:
        rows=lambda wildcards: plan.representation(*plan.inputs_of("tag", wildcards.method)),
        more=lambda wildcards: plan.tagger_reads(wildcards.method),
    output:
        weights=f"{plan.base}/tag/{{method}}/weights.safetensors",
        scores=f"{plan.base}/tag/{{method}}/scores.h5",
        training=f"{plan.base}/tag/{{method}}/training.json",
    log:
        text=f"{plan.base}/logs/tag/{{method}}.log",
        epochs=f"{plan.base}/logs/tag/{{method}}.jsonl",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=lambda wildcards: plan.settings("tag", method=wildcards.method),
        inputs=lambda wildcards: plan.arguments(*plan.inputs_of("tag", wildcards.method)),
        more=lambda wildcards: plan.tagger_arguments(wildcards.method),
        code=lambda wildcards: plan.code("tag", wildcards.method),
    message:
        "Train the tagger {wildcards.method}"
    shell:
        "resonaut tag train --settings {params.settings:q} {params.inputs} {params.more}"
        " --weights {output.weights:q} --scores {output.scores:q} --training {output.training:q}"
        " --epochs {log.epochs:q} > {log.text:q} 2>&1"


rule tag_evaluate:
    input:
        scores=f"{plan.base}/tag/{{method}}/scores.h5",
        training=f"{plan.base}/tag/{{method}}/training.json",
    output:
        metrics=f"{plan.base}/tag/{{method}}/metrics.json",
    log:
        f"{plan.base}/logs/tag/{{method}}.evaluate.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.evaluate.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=plan.code("evaluate"),
    message:
        "Measure the tagger {wildcards.method}"
    shell:
        "resonaut tag evaluate --scores {input.scores:q} --training {input.training:q}"
        " --output {output.metrics:q} > {log:q} 2>&1"


rule tag_score:
    input:
        weights=f"{plan.base}/tag/{{method}}/weights.safetensors",
        rows=lambda wildcards: plan.scored_from(wildcards.method, wildcards.dataset),
        scored=lambda wildcards: plan.scored_beside_files(wildcards.method, wildcards.dataset),
    output:
        scores=f"{plan.base}/tag/{{method}}/scored/{{dataset}}.h5",
    log:
        f"{plan.base}/logs/tag/{{method}}.scored/{{dataset}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.scored/{{dataset}}.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        kind=lambda wildcards: plan.inputs_of("tag", wildcards.method)[0],
        scored=lambda wildcards: plan.scored_beside_arguments(wildcards.method, wildcards.dataset),
        code=lambda wildcards: plan.code("score", wildcards.method),
    message:
        "Score {wildcards.dataset} with the tagger {wildcards.method}"
    shell:
        "resonaut tag score --weights {input.weights:q} --{params.kind} {input.rows[0]:q} {params.scored}"
        " --output {output.scores:q} > {log:q} 2>&1"


rule tag_score_varied:
    input:
        weights=f"{plan.base}/tag/{{method}}/weights.safetensors",
        rows=lambda wildcards: plan.representation(
            plan.inputs_of("tag", wildcards.method)[0], [wildcards.dataset], wildcards.variation
        ),
        scored=lambda wildcards: plan.scored_beside_files(
            wildcards.method, wildcards.dataset, wildcards.variation
        ),
    output:
        scores=f"{plan.base}/tag/{{method}}/varied/{{variation}}/{{dataset}}.h5",
    log:
        f"{plan.base}/logs/tag/{{method}}.varied/{{variation}}/{{dataset}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.varied/{{variation}}/{{dataset}}.tsv"
    wildcard_constraints:
        variation=plan.variation_names(),
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        kind=lambda wildcards: plan.inputs_of("tag", wildcards.method)[0],
        scored=lambda wildcards: plan.scored_beside_arguments(
            wildcards.method, wildcards.dataset, wildcards.variation
        ),
        code=lambda wildcards: plan.code("score", wildcards.method),
    message:
        "Score {wildcards.dataset} as varied by {wildcards.variation} with the tagger {wildcards.method}"
    shell:
        "resonaut tag score --weights {input.weights:q} --{params.kind} {input.rows[0]:q} {params.scored}"
        " --output {output.scores:q} > {log:q} 2>&1"


rule tag_encode:
    input:
        weights=f"{plan.base}/tag/{{method}}/weights.safetensors",
        rows=lambda wildcards: plan.encoded_chunk(wildcards.method, wildcards.dataset, wildcards.chunk),
        reference=lambda wildcards: plan.encoding(wildcards.method)[1],
    output:
        rows=f"{plan.base}/tag/{{method}}/encoded/{{dataset}}/{{chunk}}.h5",
    log:
        f"{plan.base}/logs/tag/{{method}}.encoded/{{dataset}}/{{chunk}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.encoded/{{dataset}}/{{chunk}}.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        n_components=lambda wildcards: plan.encoding(wildcards.method)[0],
        code=lambda wildcards: plan.code("encode", wildcards.method),
    message:
        "Encode {wildcards.dataset} with the tagger {wildcards.method}, chunk {wildcards.chunk}"
    shell:
        "resonaut tag encode --weights {input.weights:q} --input {input.rows:q} --reference {input.reference:q}"
        " --n-components {params.n_components} --output {output.rows:q} > {log:q} 2>&1"


rule tag_encoded:
    input:
        chunks=lambda wildcards: plan.chunks(
            f"tag/{wildcards.method}/encoded/{wildcards.dataset}", wildcards.dataset
        ),
    output:
        manifest=f"{plan.base}/tag/{{method}}/encoded/{{dataset}}.json",
    log:
        f"{plan.base}/logs/tag/{{method}}.encoded/{{dataset}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.encoded/{{dataset}}.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=plan.code("manifest"),
    message:
        "List {wildcards.dataset} as the tagger {wildcards.method} encodes it"
    shell:
        "resonaut manifest --output {output.manifest:q} {input.chunks:q} > {log:q} 2>&1"


rule tag_compare:
    input:
        scores=plan.compared_files("scores.h5"),
        metrics=plan.compared_files("metrics.json"),
    output:
        comparison=f"{plan.base}/tag/comparison.json",
        table=f"{plan.base}/tag/comparison.md",
    log:
        f"{plan.base}/logs/tag/comparison.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/comparison.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        scores=plan.named_taggers("scores.h5"),
        metrics=plan.named_taggers("metrics.json"),
        code=plan.code("compare"),
    message:
        "Compare the taggers"
    shell:
        "resonaut tag compare --scores {params.scores} --metrics {params.metrics}"
        " --output {output.comparison:q} --table {output.table:q} > {log:q} 2>&1"


rule tag_export:
    input:
        weights=f"{plan.base}/tag/{{method}}/weights.safetensors",
    output:
        model=f"{plan.base}/tag/{{method}}/model.onnx",
    log:
        f"{plan.base}/logs/tag/{{method}}.export.log",
    benchmark:
        f"{plan.base}/benchmarks/tag/{{method}}.export.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        code=lambda wildcards: plan.code("export", wildcards.method),
    message:
        "Write the tagger {wildcards.method} as ONNX"
    shell:
        "resonaut tag export --weights {input.weights:q} --output {output.model:q} --force > {log:q} 2>&1"


rule tag_tune:
    input:
        rows=lambda wildcards: plan.representation(*plan.search_reads(wildcards.search)),
        more=lambda wildcards: plan.search_also_reads(wildcards.search),
    output:
        best=f"{plan.base}/tune/{{search}}/best.json",
        trials=f"{plan.base}/tune/{{search}}/trials.json",
    log:
        f"{plan.base}/logs/tune/{{search}}.log",
    benchmark:
        f"{plan.base}/benchmarks/tune/{{search}}.tsv"
    conda:
        "../../envs/tag.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        settings=lambda wildcards: plan.settings("tune", search=wildcards.search),
        inputs=lambda wildcards: plan.arguments(*plan.search_reads(wildcards.search)),
        more=lambda wildcards: plan.search_arguments(wildcards.search),
        code=lambda wildcards: plan.search_code(wildcards.search),
    message:
        "Search parameters: {wildcards.search}"
    shell:
        "resonaut tag tune --settings {params.settings:q} {params.inputs} {params.more}"
        " --output {output.best:q} --trials {output.trials:q} > {log:q} 2>&1"
