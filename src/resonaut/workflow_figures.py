"""What the Snakefile asks of a study about figures: their names, and the files that they are drawn from."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from resonaut.config import NOMINAL
from resonaut.digest import code_digest

if TYPE_CHECKING:
    from resonaut.workflow import Plan

SEARCH_STAGES = ("detect", "hunt", "hunt_evaluate", "infer")
OF_MIXTURES = ("infer_global", "infer_trials")
"""Figures of all searches of a mixture."""
STAGES_ON_PAGE = ("ingest", "represent", "tag", "tune", "generate", "detect", "hunt", "infer")
FIGURE_ENDINGS = (".png", ".pdf", ".svg", ".json")


class FigurePlan:
    """The part of `workflow.Plan` that knows figures."""

    def figures(self: Plan) -> list[str]:
        """Names of the figures: one per stage, per method of tag and generate, and per search."""
        study = self.study
        simulated = [stage for stage in ("simulate",) if self.targets(stage)]
        names = [
            *simulated,
            *(["ingest"] if self.stored_datasets() else []),
            *(["represent"] if self._with("features") or self._with("images") else []),
        ]
        names += [
            f"{stage}/{method}"
            for stage in ("tag", "tune", "generate")
            for method in sorted(getattr(study, stage))
        ]
        names += ["tag_compare"] if self.comparison() else []
        names += [f"tag_cluster/{name}" for name in sorted(study.cluster)]
        names += self.trust_figures()
        names += [f"ingest_pileup/{name}" for name in self.overlaid_datasets()]
        names += [f"hunt_response/{mixture}/{method}" for mixture, method in self.varied_searches()]
        names += ["generate_compare"] if self.generator_comparison() else []
        names += [f"generate_amplification/{name}" for name in sorted(study.amplification)]
        names += ["infer_compare"] if self.search_comparison() else []
        names += ["infer_linearity"] if self.linearity() else []
        names += [f"infer_validation/{mixture}/{method}" for mixture, method in self.validated_searches()]
        names += [f"infer_trials/{mixture}" for mixture in self.compared_mixtures()]
        names += [f"infer_global/{mixture}" for mixture in self.searched_mixtures()]
        names += [f"infer_calibration/{mixture}/{name}" for mixture, name in self.calibrations()]
        names += [
            f"{stage}/{mixture}/{method}" for stage in SEARCH_STAGES for mixture, method in study.searches()
        ]
        return names

    def _figure_inputs(self: Plan, stage: str, method: str, mixture: str) -> dict[str, list[str]]:
        """Files of each role that the figure of a stage is drawn from."""
        base = self.base
        datasets = self.stored_datasets()
        search = f"{mixture}/{method}"
        trusted = self.trust_figure_inputs(stage, method)
        if trusted is not None:
            return trusted
        if stage in ("simulate", "ingest"):
            return {"stores": [f"{base}/ingest/{name}/{NOMINAL}/manifest.json" for name in datasets]}
        if stage == "ingest_pileup":
            return self.overlaid_stores(method)
        if stage == "represent":
            return {
                kind: [f"{name}={path}" for name, path in self.manifests(kind, self._with(kind)).items()]
                for kind in ("features", "images")
                if self._with(kind)
            }
        if stage == "tag_cluster":
            return {"separation": [f"{base}/tag/cluster/{method}/separation.json"]}
        if stage == "tag_compare":
            return {"comparison": [f"{base}/tag/comparison.json"]}
        if stage == "infer_compare":
            return {"comparison": [f"{base}/infer/comparison.json"]}
        if stage == "infer_linearity":
            return {"linearity": self.linearity()}
        if stage == "infer_validation":
            return {"validation": [f"{base}/infer/{search}/validation.json"]}
        if stage == "tune":
            return {"trials": [f"{base}/tune/{method}/trials.json"]}
        if stage == "tag":
            return {
                "scores": [f"{base}/tag/{method}/scores.h5"],
                "metrics": [f"{base}/tag/{method}/metrics.json"],
            }
        if stage == "generate":
            return {
                "evaluation": [f"{base}/generate/{method}/evaluation.json"],
                "training": [f"{base}/generate/{method}/training.json"],
            }
        if stage == "generate_amplification":
            return {"errors": [f"{base}/generate/amplification/{method}/errors.json"]}
        if stage == "generate_compare":
            return {"comparison": self.generator_comparison()}
        if stage == "detect":
            return {
                "scores": [f"{base}/detect/{search}/scores.h5"],
                "metrics": [f"{base}/detect/{search}/metrics.json"],
                "mixture": [f"{base}/represent/mixtures/{mixture}.h5"],
            }
        if stage == "infer_trials":
            return {"trials": [f"{base}/infer/{mixture}/trials.json"]}
        if stage == "infer_global":
            return {"global": [f"{base}/infer/{mixture}/global.json"]}
        if stage == "infer_calibration":
            return {"calibration": [f"{base}/infer/{search}/calibration.json"]}
        if stage == "hunt":
            return {"spectra": [f"{base}/hunt/{search}/spectra.h5"]}
        if stage == "hunt_response":
            return {"response": [f"{base}/hunt/{search}/response.json"]}
        if stage == "hunt_evaluate":
            return {"evaluation": [f"{base}/hunt/{search}/evaluation.json"]}
        return {"significance": [f"{base}/infer/{search}/significance.json"]}

    def figure_files(self: Plan, stage: str, method: str = "", mixture: str = "") -> list[str]:
        """Files that the rule of a figure depends on."""
        roles = self._figure_inputs(stage, method, mixture)
        files = [entry.rsplit("=", 1)[-1] for entries in roles.values() for entry in entries]
        datasets = self.stored_datasets()
        if stage in ("simulate", "ingest"):
            for name in datasets:
                files += self.chunks(f"ingest/{name}/{NOMINAL}", name)
        elif stage == "ingest_pileup":
            files += self.overlaid_chunks(method)
        elif stage == "represent":
            for kind in ("features", "images"):
                files += self.representation(kind, self._with(kind))
        return sorted(set(files))

    def figure_arguments(self: Plan, stage: str, method: str = "", mixture: str = "") -> str:
        """The same files as words of a command line: `--role file...`."""
        roles = self._figure_inputs(stage, method, mixture)
        return shlex.join(word for role, entries in roles.items() for word in (f"--{role}", *entries))

    def figure_code(self: Plan, stage: str) -> str:
        """The digest of the code of one stage's figure."""
        return code_digest("resonaut.review.draw", f"resonaut.review.figures.{stage}")

    # -- the page --------------------------------------------------------------------------------

    def page(self: Plan) -> list[str]:
        """The page that a reviewer reads, where there is anything to show."""
        return [f"{self.base}/review/index.html"] if self.figures() else []

    def page_figures(self: Plan) -> list[str]:
        """Files of all figures that the page holds."""
        return [f"{self.base}/review/{name}{ending}" for name in self.figures() for ending in FIGURE_ENDINGS]

    def page_results(self: Plan) -> list[str]:
        """JSON results that the page quotes: targets, what figures are drawn from, what the checks read."""
        made = [path for stage in STAGES_ON_PAGE for path in self.targets(stage)]
        for name in self.figures():
            made += self._figure_sources(name)
        checks = [f"{self.base}/review/checks.json"] if self.checks() else []
        found = {*made, *self.checked_files(), *checks} if self.checks() else {*made}
        return sorted(path for path in found if path.endswith(".json") and path.startswith(self.base))

    def _figure_sources(self: Plan, name: str) -> list[str]:
        """Files that one figure is drawn from, by its name: `tag`, `tag/pfn`, `infer/data/cwola`."""
        stage, *names = name.split("/")
        mixture = names[0] if len(names) == 2 or stage in OF_MIXTURES else ""
        method = names[-1] if names and stage not in OF_MIXTURES else ""
        roles = self._figure_inputs(stage, method, mixture)
        return [entry.rsplit("=", 1)[-1] for entries in roles.values() for entry in entries]

    def page_arguments(self: Plan) -> str:
        """The same as words of a command line: results relative to the study's folder, figures by name."""
        results = [path.removeprefix(f"{self.base}/") for path in self.page_results()]
        return shlex.join(["--folder", self.base, "--figures", *self.figures(), "--results", *results])
