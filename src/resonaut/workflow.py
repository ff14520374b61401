"""What the Snakefile asks of a study: paths, slices of the configuration and digests of the code.

Every path of `results/` is made here, so that rules hold no logic. Nothing slow is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut import filelist, processes, registry, site
from resonaut.config import MAX_SLICE_BYTES, NOMINAL, Study, parse, read_yaml
from resonaut.digest import code_digest
from resonaut.errors import ConfigError
from resonaut.filelist import InputFile
from resonaut.trust.plan import TrustPlan
from resonaut.workflow_archive import ArchivePlan
from resonaut.workflow_chunks import ChunkPlan
from resonaut.workflow_figures import FigurePlan
from resonaut.workflow_generators import GeneratorPlan
from resonaut.workflow_global import GlobalPlan
from resonaut.workflow_pileup import PileupPlan
from resonaut.workflow_pseudo import PseudoPlan
from resonaut.workflow_searches import SearchPlan
from resonaut.workflow_taggers import TaggerPlan
from resonaut.workflow_trials import TrialsPlan
from resonaut.workflow_validation import ValidationPlan
from resonaut.workflow_variations import VariationPlan

DEFAULT_CONFIG = "config/demo.yaml"

ENTRY_MODULES = {
    "simulate": "resonaut.simulate.events",
    "simulate_showers": "resonaut.simulate.showers.chunk",
    "ingest": "resonaut.ingest.convert",
    "manifest": "resonaut.manifest",
    "features": "resonaut.represent.features",
    "images": "resonaut.represent.images",
    "clouds": "resonaut.represent.clouds",
    "showers": "resonaut.represent.showers",
    "shower_features": "resonaut.represent.shower_features",
    "mix": "resonaut.represent.mix",
    "pseudo": "resonaut.represent.pseudo",
    "tag": "resonaut.tag.train",
    "evaluate": "resonaut.tag.evaluate",
    "score": "resonaut.tag.score",
    "encode": "resonaut.tag.encode",
    "compare": "resonaut.tag.compare",
    "export": "resonaut.tag.export",
    "tune": "resonaut.tag.tune",
    "cluster": "resonaut.tag.segmentation.run",
    "generate": "resonaut.generate.train",
    "generate_sample": "resonaut.generate.sample",
    "generate_time": "resonaut.generate.time",
    "generate_dataset": "resonaut.generate.dataset",
    "generate_evaluate": "resonaut.generate.evaluation.run",
    "generate_compare": "resonaut.generate.compare",
    "amplify": "resonaut.generate.amplification.run",
    "detect": "resonaut.detect.train",
    "join": "resonaut.detect.join",
    "background_events": "resonaut.detect.background_events",
    "hunt": "resonaut.hunt.spectra",
    "templates": "resonaut.hunt.templates",
    "evaluate_search": "resonaut.hunt.evaluate",
    "infer": "resonaut.infer.significance",
    "calibrate": "resonaut.infer.calibrate",
    "trials": "resonaut.infer.trials",
    "conformal": "resonaut.infer.conformal_report",
    "compare_searches": "resonaut.infer.compare",
    "validate": "resonaut.infer.validation",
    "global": "resonaut.infer.global_significance",
    "linearity": "resonaut.infer.validation_linearity",
    "checks": "resonaut.review.checks",
    "page": "resonaut.review.page.build",
}

OF_TAGGERS = ("score", "encode", "export", "tune")
"""Rules whose code is that of a tagger too."""


def read(config: Mapping[str, Any]) -> Plan:
    """Make the plan of the configuration that Snakemake was given.

    Args:
        config: Snakemake's `config`: a whole study (`--configfile`), or single keys (`--config seed=3`) that
            are laid over the default study.

    Raises:
        ConfigError, MissingFileError: the configuration cannot be used.
    """
    if "datasets" in config:
        return Plan(parse(dict(config)))
    return Plan(parse({**read_yaml(DEFAULT_CONFIG), **config}, DEFAULT_CONFIG))


def prepare_environment(on_this_machine: bool, cluster: site.Site) -> None:
    """Set the environment of the jobs that Snakemake starts.

    The command `resonaut` is that of the Python that runs Snakemake, also where no environment is activated.

    Args:
        on_this_machine: jobs record themselves, so that `resonaut run` can end those that outlive Snakemake.
        cluster: its variables are set.
    """
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    )
    site.set_environment(cluster)
    os.environ.setdefault("MPLBACKEND", "agg")
    # Threads that spin while they wait make two trainings on one machine slower than one after the other.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if on_this_machine:
        os.environ[processes.FOLDER_VARIABLE] = str(Path(processes.FOLDER).absolute())


def _number(chunk: str) -> int:
    """The number of a chunk, from its name `<shard>/<number>`."""
    return int(chunk.rsplit("/", 1)[1])


class Plan(
    *(TaggerPlan, GeneratorPlan, SearchPlan, PseudoPlan),
    *(TrialsPlan, GlobalPlan, FigurePlan, ValidationPlan, ChunkPlan, ArchivePlan, TrustPlan, VariationPlan),
    PileupPlan,
):
    """Paths, settings and code digests of one study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.base = f"results/{study.study}"
        self._by_folder = {
            study.data_folder(name).rsplit("/", 1)[1]: name
            for name in study.datasets
            if study.is_simulated(name)
        }

    # -- settings and code -----------------------------------------------------------------------

    def settings(self, stage: str, **names: str) -> str:
        """The slice of the configuration that a rule uses, as JSON."""
        return self.study.slice(stage, **names)

    def code(self, stage: str, method: str | None = None) -> str:
        """The digest of the code that a rule runs; of a method's own file too where one is named."""
        entries = [ENTRY_MODULES[stage]]
        if method is not None:
            stage = "tag" if stage in OF_TAGGERS else stage.partition("_")[0]
            kind = self.study.kinds.get(stage, {}).get(method, method)
            entries.append(registry.module_name(stage, kind))
        return code_digest(*entries)

    def reader_code(self, dataset: str) -> str:
        """The digest of the ingestion with the reader of a dataset (of all readers where it is 'auto')."""
        if self.study.is_simulated(dataset):
            return self.code("ingest", self.study.datasets[dataset].source_module.READER)
        reader = self.study.datasets[dataset].settings.reader
        readers = registry.names("ingest") if reader == "auto" else [reader]
        return code_digest(
            ENTRY_MODULES["ingest"], *(registry.module_name("ingest", name) for name in readers)
        )

    def simulation_code(self, dataset: str) -> str:
        """The digest of the simulation with the source of a dataset."""
        entry = self.study.datasets[dataset]
        stage = "simulate_showers" if entry.level == "showers" else "simulate"
        return code_digest(ENTRY_MODULES[stage], registry.module_name("simulate", entry.source))

    def statistics_code(self, stage: str) -> str:
        """The digest of hunt or infer with the background functions that it uses."""
        functions = {self.study.hunt.background: "hunt.background"}
        if stage in ("infer", "validate", "calibrate", "trials"):
            functions |= {family.function: "infer.envelope" for family in self.study.infer.envelope}
        if stage == "validate":
            families = self.study.infer.validation.families
            functions |= {family.function: "infer.validation.families" for family in families}
        modules = [registry.module_name("stats", name, where) for name, where in functions.items()]
        return code_digest(ENTRY_MODULES[stage], *modules)

    def dataset_of(self, folder: str) -> str:
        """The dataset whose events stand in `results/_data/<folder>`.

        Raises:
            ConfigError: no dataset of this study does.
        """
        if folder not in self._by_folder:
            raise ConfigError(
                f"results/_data/{folder}: no dataset of study '{self.study.study}' has these settings; "
                f"its folders are {', '.join(sorted(self._by_folder))}."
            )
        return self._by_folder[folder]

    # -- files -----------------------------------------------------------------------------------

    def events_file(self, dataset: str, variation: str, chunk: str) -> str:
        """The file of events that one chunk of a simulated dataset is."""
        suffix = self.study.datasets[dataset].source_module.SUFFIX
        return f"{self.study.data_folder(dataset)}/{variation}/{chunk}{suffix}"

    def local_files(self, dataset: str, variation: str, chunk: str) -> list[str]:
        """The local files that one chunk of a dataset is ingested from."""
        if self.study.is_simulated(dataset):
            return [self.events_file(dataset, variation, chunk)]
        return self.study.datasets[dataset].settings.local_paths(_number(chunk))

    def file_list(self, dataset: str, variation: str, chunk: str) -> str:
        """All files that one chunk of a dataset is ingested from, remote ones too, as a JSON manifest.

        Raises:
            ConfigError: it exceeds 64 kB.
        """
        if self.study.is_simulated(dataset):
            files = [InputFile(self.events_file(dataset, variation, chunk))]
        else:
            files = self.study.datasets[dataset].settings.chunk_files[_number(chunk)]
        text = filelist.to_json(files)
        if len(text) > MAX_SLICE_BYTES:
            raise ConfigError(
                f"datasets.{dataset}.files_per_chunk: a list of {len(files)} files takes {len(text)} bytes, "
                f"at most {MAX_SLICE_BYTES} are allowed. Put fewer files into a chunk."
            )
        return text

    def chunks(self, folder: str, dataset: str) -> list[str]:
        """The chunk files of `results/<study>/<folder>`, in the order of their numbers."""
        return [f"{self.base}/{folder}/{chunk}.h5" for chunk in self.study.chunks(dataset)]

    def representing(self, kind: str, dataset: str) -> str:
        """What makes a representation of a dataset, for `settings` and `code`: showers have own features."""
        of_showers = kind == "features" and self.study.datasets[dataset].level == "showers"
        return "shower_features" if of_showers else kind

    def _with(self, kind: str) -> list[str]:
        """Datasets that this representation is made of, sorted."""
        return [name for name, entry in sorted(self.study.datasets.items()) if kind in entry.representations]

    def inputs_of(self, stage: str, method: str) -> tuple[str, list[str]]:
        """Kind of representation and datasets that a tagger or generator reads."""
        settings = getattr(self.study, stage)[method]
        return settings.representation(), settings.datasets_used()

    # -- targets ---------------------------------------------------------------------------------

    def targets(self, stage: str) -> list[str]:
        """Every file that the stage makes for this study and that another stage or a reader wants."""
        study, base = self.study, self.base
        datasets = sorted(study.datasets)
        if stage == "simulate":
            return [
                self.events_file(name, NOMINAL, chunk)
                for name in datasets
                if study.is_simulated(name)
                for chunk in study.chunks(name)
            ]
        if stage == "ingest":
            return [f"{base}/ingest/{name}/{NOMINAL}/manifest.json" for name in self.stored_datasets()]
        if stage == "represent":
            made = [
                f"{base}/represent/{name}/{NOMINAL}/{kind}.json"
                for name in datasets
                for kind in study.datasets[name].representations
            ]
            return made + [f"{base}/represent/mixtures/{name}.h5" for name in sorted(study.mixtures)]
        if stage == "tag":
            made = [*self.tagger_files("metrics.json"), *self.comparison(), *self.clusterings()]
            return [*made, *self.trust_results("tag")]
        if stage == "tune":
            return [f"{base}/tune/{name}/best.json" for name in sorted(study.tune)]
        if stage == "generate":
            return self.generator_targets()
        if stage == "review":
            figures = [f"{base}/review/{figure}.png" for figure in self.figures()]
            return [*figures, *self.checks(), *self.page()]
        return self.search_targets(stage)
