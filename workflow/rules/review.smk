localrules:
    review,
    review_datasets,
    review_generators,
    review_method,
    review_mixture,
    review_search,
    review_searches,
    review_taggers,


rule review:
    input:
        plan.targets("review"),


rule review_datasets:
    input:
        rows=lambda wildcards: plan.figure_files(wildcards.stage),
    output:
        figure=report(
            f"{plan.base}/review/{{stage}}.png",
            caption="../report/datasets.rst",
            category="{stage}",
        ),
        vector=f"{plan.base}/review/{{stage}}.pdf",
        drawing=f"{plan.base}/review/{{stage}}.svg",
        numbers=f"{plan.base}/review/{{stage}}.json",
    log:
        f"{plan.base}/logs/review/{{stage}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}.tsv"
    wildcard_constraints:
        stage="simulate|ingest|represent",
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage}"
    shell:
        "resonaut review {wildcards.stage:q} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"


rule review_method:
    input:
        rows=lambda wildcards: plan.figure_files(wildcards.stage, wildcards.method),
    output:
        figure=report(
            f"{plan.base}/review/{{stage}}/{{method}}.png",
            caption="../report/method.rst",
            category="{stage}",
        ),
        vector=f"{plan.base}/review/{{stage}}/{{method}}.pdf",
        drawing=f"{plan.base}/review/{{stage}}/{{method}}.svg",
        numbers=f"{plan.base}/review/{{stage}}/{{method}}.json",
    log:
        f"{plan.base}/logs/review/{{stage}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}/{{method}}.tsv"
    wildcard_constraints:
        stage="tag|tune|generate",
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage, wildcards.method),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage} {wildcards.method}"
    shell:
        "resonaut review {wildcards.stage:q} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"


rule review_taggers:
    input:
        rows=plan.figure_files("tag_compare"),
    output:
        figure=report(
            f"{plan.base}/review/tag_compare.png",
            caption="../report/taggers.rst",
            category="tag",
        ),
        vector=f"{plan.base}/review/tag_compare.pdf",
        drawing=f"{plan.base}/review/tag_compare.svg",
        numbers=f"{plan.base}/review/tag_compare.json",
    log:
        f"{plan.base}/logs/review/tag_compare.log",
    benchmark:
        f"{plan.base}/benchmarks/review/tag_compare.tsv"
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review"),
        inputs=plan.figure_arguments("tag_compare"),
        code=plan.figure_code("tag_compare"),
    message:
        "Draw the figure of all taggers"
    shell:
        "resonaut review tag_compare --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"


use rule review_taggers as review_generators with:
    input:
        rows=plan.figure_files("generate_compare"),
    output:
        figure=report(
            f"{plan.base}/review/generate_compare.png",
            caption="../report/generators.rst",
            category="generate",
        ),
        vector=f"{plan.base}/review/generate_compare.pdf",
        drawing=f"{plan.base}/review/generate_compare.svg",
        numbers=f"{plan.base}/review/generate_compare.json",
    log:
        f"{plan.base}/logs/review/generate_compare.log",
    benchmark:
        f"{plan.base}/benchmarks/review/generate_compare.tsv"
    params:
        settings=plan.settings("review"),
        inputs=plan.figure_arguments("generate_compare"),
        code=plan.figure_code("generate_compare"),
    message:
        "Draw the figure of all generators"


rule review_search:
    input:
        rows=lambda wildcards: plan.figure_files(wildcards.stage, wildcards.method, wildcards.mixture),
    output:
        figure=report(
            f"{plan.base}/review/{{stage}}/{{mixture}}/{{method}}.png",
            caption="../report/search.rst",
            category="{stage}",
        ),
        vector=f"{plan.base}/review/{{stage}}/{{mixture}}/{{method}}.pdf",
        drawing=f"{plan.base}/review/{{stage}}/{{mixture}}/{{method}}.svg",
        numbers=f"{plan.base}/review/{{stage}}/{{mixture}}/{{method}}.json",
    log:
        f"{plan.base}/logs/review/{{stage}}/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}/{{mixture}}/{{method}}.tsv"
    wildcard_constraints:
        stage="detect|hunt|hunt_evaluate|hunt_response|infer|infer_validation|infer_calibration",
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review_search"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage, wildcards.method, wildcards.mixture),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage} for {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut review {wildcards.stage:q} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"


rule review_searches:
    input:
        rows=lambda wildcards: plan.figure_files(wildcards.stage),
    output:
        figure=report(
            f"{plan.base}/review/{{stage}}.png",
            caption="../report/searches.rst",
            category="infer",
        ),
        vector=f"{plan.base}/review/{{stage}}.pdf",
        drawing=f"{plan.base}/review/{{stage}}.svg",
        numbers=f"{plan.base}/review/{{stage}}.json",
    log:
        f"{plan.base}/logs/review/{{stage}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}.tsv"
    wildcard_constraints:
        stage="infer_compare|infer_linearity",
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of all searches"
    shell:
        "resonaut review {wildcards.stage:q} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"


rule review_mixture:
    input:
        rows=lambda wildcards: plan.figure_files(wildcards.stage, mixture=wildcards.mixture),
    output:
        figure=report(
            f"{plan.base}/review/{{stage}}/{{mixture}}.png",
            caption="../report/mixture.rst",
            category="infer",
        ),
        vector=f"{plan.base}/review/{{stage}}/{{mixture}}.pdf",
        drawing=f"{plan.base}/review/{{stage}}/{{mixture}}.svg",
        numbers=f"{plan.base}/review/{{stage}}/{{mixture}}.json",
    log:
        f"{plan.base}/logs/review/{{stage}}/{{mixture}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}/{{mixture}}.tsv"
    wildcard_constraints:
        stage="infer_global|infer_trials",
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage, mixture=wildcards.mixture),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage} of {wildcards.mixture}"
    shell:
        "resonaut review {wildcards.stage:q} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure:q} {output.vector:q} {output.drawing:q} {output.numbers:q} > {log:q} 2>&1"
