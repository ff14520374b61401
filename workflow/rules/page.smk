localrules:
    review_checks,
    review_page,


rule review_checks:
    input:
        plan.checked_files(),
    output:
        checks=f"{plan.base}/review/checks.json",
        page=report(
            f"{plan.base}/review/checks.html",
            caption="../report/checks.rst",
            category="checks",
        ),
    log:
        f"{plan.base}/logs/review/checks.log",
    benchmark:
        f"{plan.base}/benchmarks/review/checks.tsv"
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=plan.settings("checks"),
        inputs=plan.checked_arguments(),
        code=plan.code("checks"),
    message:
        "Check all searches"
    shell:
        "resonaut review checks --settings {params.settings:q} {params.inputs}"
        " --output {output.checks:q} --page {output.page:q} > {log:q} 2>&1"


rule review_page:
    input:
        figures=plan.page_figures(),
        results=plan.page_results(),
    output:
        page=report(
            f"{plan.base}/review/index.html",
            caption="../report/page.rst",
            category="review",
        ),
    log:
        f"{plan.base}/logs/review/index.log",
    benchmark:
        f"{plan.base}/benchmarks/review/index.tsv"
    conda:
        "../../envs/review.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=lambda wildcards: plan.settings("page"),
        inputs=plan.page_arguments(),
        code=plan.code("page"),
    message:
        "Write the page for the review"
    shell:
        "resonaut review page --settings {params.settings:q} {params.inputs}"
        " --output {output.page:q} > {log:q} 2>&1"
