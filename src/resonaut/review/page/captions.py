"""Titles and captions of the figures by stage; a stage that is not here brings the words of its own file."""

from __future__ import annotations

import importlib

TITLES = {
    "simulate": "Detector response",
    "ingest": "Preselection",
    "represent": "Control plots: features and images",
    "tag": "Tagger",
    "tag_compare": "All taggers",
    "tag_cluster": "Overlapping showers",
    "tag_explain": "What a tagger looks at",
    "tag_response": "Systematic response",
    "tag_decorrelation": "Decorrelation and robustness",
    "tag_uncertainty": "Uncertainty of a tagger",
    "tag_trigger": "Fixed point for a trigger",
    "tag_stability": "Stability of a tagger",
    "tag_weak": "Weak supervision",
    "tune": "Search for parameters",
    "generate": "Generator",
    "generate_compare": "All generators",
    "generate_amplification": "Amplification",
    "detect": "Anomaly scores",
    "detect_monitor": "Monitor of the data",
    "hunt": "Selected spectra and background fits",
    "hunt_evaluate": "Gain and sculpting",
    "hunt_response": "Systematic response of a search",
    "infer": "Local p-values and upper limits",
    "infer_compare": "All searches",
    "infer_global": "Global significance",
    "infer_trials": "Global p-values on pseudo-experiments",
    "infer_validation": "Validation with toys",
    "infer_linearity": "Linearity of the whole chain",
    "infer_calibration": "Calibration with pseudo-experiments",
}
CAPTIONS = {
    "simulate": (
        "Detector level against generator level: the response of the leading jets in pt, and the resonant "
        "mass. Error bars of counts are Garwood intervals (68.3 %)."
    ),
    "ingest": (
        "What each cut of the preselection leaves, and the resonant mass of what is left. Error bars of "
        "counts are Garwood intervals (68.3 %)."
    ),
    "represent": ("Features of the selected events, and means of so many jet images of each data set."),
    "tag": (
        "On rows that no training has seen: ROC curve, scores (training as points), calibration, "
        "efficiency against kinematics, and the losses of the training. Bands and bars of efficiencies "
        "are binomial (Clopper-Pearson, 68.3 %)."
    ),
    "tag_compare": (
        "All taggers on the test rows that they share. Bands are binomial; errors of differences are "
        "smaller than those of either, since the rows are the same."
    ),
    "tag_cluster": (
        "Hits of two overlapping showers, shared out by a network and by two simpler ways: the energy that "
        "stands with its own shower, and the resolution of the energies, against the distance of the axes."
    ),
    "tag_trigger": (
        "A dense network in fixed point: what bits and pruning change in the AUC on the same test rows, with "
        "the paired error (DeLong); scores of the exported network against those of the float one; and the "
        "signal that both keep against the rate of the background, with binomial errors."
    ),
    "tag_response": (
        "What variations of the events change in taggers that were trained on nominal ones: the background "
        "rejection at the same signal efficiency by source, and the score of the first tagger. Bars and "
        "bands are of a bootstrap of the events, which are the same before and after. All sources: one "
        "standard deviation of each, in quadrature."
    ),
    "tag_decorrelation": (
        "What taggers give up for their rejection: the divergence (Jensen-Shannon, bits) of the background "
        "that passes from all background, in bins of the variable, against the rejection at all thresholds, "
        "with the divergence of a random cut that keeps as many jets; the spectra before and after; and the "
        "rejection against its largest change under variations at the same signal efficiency. Bars are of a "
        "bootstrap of the test jets."
    ),
    "tag_explain": (
        "What a tagger looks at, on test rows: attributions of its inputs, what its score and latent space "
        "know of observables, formulae that decide alike, information of its layers, or capsules. Bars and "
        "bands are standard errors."
    ),
    "tag_uncertainty": (
        "How sure a tagger is, and how right about that, on test rows: calibration before and after a map "
        "that the validation rows gave (of a regression its pulls), the epistemic uncertainty against "
        "training rows or score, and rows unlike those of the training, told by the method that tells them "
        "best, or the calibration errors of all methods beside those that right predictions have by chance."
    ),
    "tag_stability": (
        "The error of a tagger against the number of rows that it learnt from, with a power law and its 68 % "
        "interval up to more rows than there are, and the error of each fold beside the spread of seeds and "
        "the statistical error. Bars of test rows are of the mean of the seeds, others are statistical."
    ),
    "tag_weak": (
        "What a tagger learns from two mixed samples without labels, against the difference of their signal "
        "fractions, beside labels on the same rows: the area under the ROC curve for signal and background, "
        "with errors of the mean of the seeds, and for one sample and the other, with all errors."
    ),
    "generate": (
        "Generated rows beside held-out ones that were not learnt from, and the losses of the training. "
        "Ratio panels show errors of the points as bars and those of the reference as a band."
    ),
    "generate_compare": (
        "All generators against held-out rows: areas under the ROC curves of classifiers (0.5 is the "
        "best), separation powers, coverage. Open squares are what further held-out rows give."
    ),
    "detect_monitor": (
        "Share of runs that raise an alarm against the size of a fault of the detector, of an autoencoder of "
        "the histograms of a run and of plain tests against their mean; all are set to the same rate of "
        "false alarms. Bars are 68 % binomial intervals."
    ),
    "detect": (
        "Scores of the signal region and its side bands in the window of the largest excess, what a cut "
        "gains where the truth is known, importances of features, and losses. Scores of different folds "
        "are compared through the efficiency that a cut has on the side bands of the same fold."
    ),
    "hunt": (
        "The selected spectra with the background fits: large for the window of the largest excess. The "
        "fit does not use the signal region. Residuals are signed roots of the Poisson deviance; they do "
        "not count the error of the fit."
    ),
    "hunt_response": (
        "What variations of the simulated signal change in a search whose networks know the nominal events: "
        "the signal efficiency by source at the nominal threshold, window by window, and the score of the "
        "signal in the window where it changes most. A score is what it is worth in the side bands, which "
        "are data and which no variation moves. Bars and bands are of a bootstrap of the events, which are "
        "the same before and after. All sources: one standard deviation of each, in quadrature."
    ),
    "hunt_evaluate": (
        "Where the truth is known: significance improvement and ROC curve in the signal region with "
        "bootstrap intervals, the mass of the background before and after the selection, what was "
        "selected, and how much the score depends on each feature."
    ),
    "infer": (
        "Local p-values per window (bars span the window) and upper limits with the expected range of one "
        "and two standard deviations. Local significances count no other window. Hatched: a fit failed. "
        "Open markers: by toys."
    ),
    "infer_compare": (
        "All methods on the same events: significance improvement where the truth is known, whether "
        "selections sculpt the background, and local significances."
    ),
    "infer_global": (
        "All tests together: local p-values with the local significance that is worth 1, 2 and 3 global "
        "ones, the largest significance of replicas of the null, and the global p-value against the local "
        "significance."
    ),
    "infer_validation": (
        "Toys around the fitted background with injected signals, refitted as the data are: linearity, "
        "pulls, coverage. Open markers: toys of other background functions. Grey bands are two standard "
        "errors around the right value."
    ),
}


def caption(stage: str) -> str:
    """What a figure shows: the words here, or else those of the file that draws it."""
    if stage in CAPTIONS:
        return CAPTIONS[stage]
    try:
        module = importlib.import_module(f"resonaut.review.figures.{stage}")
    except ModuleNotFoundError:
        return ""
    return " ".join((module.__doc__ or "").split())
