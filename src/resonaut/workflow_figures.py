"""What the Snakefile asks of a study about figures: their names, and the files that they are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut.config import NOMINAL
from resonaut.digest import code_digest

if TYPE_CHECKING:
    from resonaut.workflow import Plan

SEARCH_STAGES = ("detect", "hunt", "hunt_evaluate", "infer")


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
        if stage in ("simulate", "ingest"):
            return {"stores": [f"{base}/ingest/{name}/{NOMINAL}/manifest.json" for name in datasets]}
        if stage == "represent":
            return {
                kind: [f"{name}={path}" for name, path in self.manifests(kind, self._with(kind)).items()]
                for kind in ("features", "images")
                if self._with(kind)
            }
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
        elif stage == "represent":
            for kind in ("features", "images"):
                files += self.representation(kind, self._with(kind))
        return sorted(set(files))

    def figure_arguments(self: Plan, stage: str, method: str = "", mixture: str = "") -> str:
        """The same files as words of a command line: `--role file...`."""
        roles = self._figure_inputs(stage, method, mixture)
        return " ".join(word for role, entries in roles.items() for word in (f"--{role}", *entries))

    def figure_code(self: Plan, stage: str) -> str:
        """The digest of the code of one stage's figure."""
        return code_digest("resonaut.review.draw", f"resonaut.review.figures.{stage}")
