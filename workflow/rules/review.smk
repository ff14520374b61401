localrules:
    review,
    review_datasets,
    review_method,
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
        mem_mb=2000,
        runtime=10,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage}"
    shell:
        "resonaut review {wildcards.stage} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure} {output.vector} > {log} 2>&1"


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
        mem_mb=2000,
        runtime=10,
    params:
        settings=plan.settings("review"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage, wildcards.method),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage} {wildcards.method}"
    shell:
        "resonaut review {wildcards.stage} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure} {output.vector} > {log} 2>&1"


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
    log:
        f"{plan.base}/logs/review/tag_compare.log",
    benchmark:
        f"{plan.base}/benchmarks/review/tag_compare.tsv"
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=plan.settings("review"),
        inputs=plan.figure_arguments("tag_compare"),
        code=plan.figure_code("tag_compare"),
    message:
        "Draw the figure of all taggers"
    shell:
        "resonaut review tag_compare --settings {params.settings:q} {params.inputs}"
        " --output {output.figure} {output.vector} > {log} 2>&1"


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
    log:
        f"{plan.base}/logs/review/{{stage}}/{{mixture}}/{{method}}.log",
    benchmark:
        f"{plan.base}/benchmarks/review/{{stage}}/{{mixture}}/{{method}}.tsv"
    wildcard_constraints:
        stage="detect|hunt|hunt_evaluate|infer",
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=plan.settings("review_search"),
        inputs=lambda wildcards: plan.figure_arguments(wildcards.stage, wildcards.method, wildcards.mixture),
        code=lambda wildcards: plan.figure_code(wildcards.stage),
    message:
        "Draw the figure of {wildcards.stage} for {wildcards.method} on {wildcards.mixture}"
    shell:
        "resonaut review {wildcards.stage} --settings {params.settings:q} {params.inputs}"
        " --output {output.figure} {output.vector} > {log} 2>&1"


rule review_searches:
    input:
        rows=plan.figure_files("infer_compare"),
    output:
        figure=report(
            f"{plan.base}/review/infer_compare.png",
            caption="../report/searches.rst",
            category="infer",
        ),
        vector=f"{plan.base}/review/infer_compare.pdf",
    log:
        f"{plan.base}/logs/review/infer_compare.log",
    benchmark:
        f"{plan.base}/benchmarks/review/infer_compare.tsv"
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=plan.settings("review"),
        inputs=plan.figure_arguments("infer_compare"),
        code=plan.figure_code("infer_compare"),
    message:
        "Draw the figure of all searches"
    shell:
        "resonaut review infer_compare --settings {params.settings:q} {params.inputs}"
        " --output {output.figure} {output.vector} > {log} 2>&1"
