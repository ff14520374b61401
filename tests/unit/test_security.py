"""Nothing that a stranger sends is run: no pickle, no code from text, no shell from a configuration."""

from __future__ import annotations

import ast
import re

import pytest

FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "os.system", "os.popen", "os.spawnl", "subprocess.getoutput"),
    *("subprocess.getstatusoutput", "yaml.unsafe_load", "yaml.full_load"),
    *("pandas.read_pickle", "pandas.read_hdf", "pd.read_pickle", "pd.read_hdf", "torch.jit.load"),
    *("torch.hub.load", "shutil.unpack_archive", "tempfile.mktemp"),
}
UNQUOTED_WORDS = {
    "inputs",
    "more",
    "options",
    "features",
    "signal",
    "before",
    "null",
    "scores",
    "metrics",
} | {
    *("varied", "scored", "variations", "added"),
    *("spectra", "data", "evaluations", "significances", "kind", "number", "n_components"),
}
"""Params of rules that hold several words: `Plan` makes them with `shlex.join`, or they are no free text."""


def name_of(node):
    """`a.b.c` of a name or an attribute; an empty text for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def wrong_in(text):
    """What a module does that it must not, as (line, what)."""
    found, tree = [], ast.parse(text)
    assigned = {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            found += [(node.lineno, name) for name in names if name.split(".")[0] in FORBIDDEN_IMPORTS]
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
        if name in FORBIDDEN_CALLS or name.endswith((".extractall", ".extract")):
            found.append((node.lineno, name))
        if name.split(".")[-1] == "load" and name.startswith(("torch.", "np.", "numpy.")):
            safe = given.get("weights_only") is True if name.startswith("torch") else "allow_pickle" in given
            found += [] if safe else [(node.lineno, name)]
        if name in ("yaml.load", "yaml.load_all"):
            loaders = [ast.unparse(key.value) for key in node.keywords if key.arg == "Loader"]
            loaders = [assigned.get(loader, loader) for loader in loaders]
            safe = [re.findall(r"\w+Loader", loader) for loader in loaders]
            safe = [{"SafeLoader", "CSafeLoader"}.issuperset(names) and bool(names) for names in safe]
            found += [] if safe == [True] else [(node.lineno, name)]
        if given.get("allow_pickle") or given.get("shell") or given.get("weights_only") is False:
            found.append((node.lineno, f"{name}({', '.join(filter(None, given))})"))
        of_text = bool(node.args) and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
        if name.startswith("subprocess.") and of_text:
            found.append((node.lineno, f"{name} of a text"))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(f'ls {path}')",
        "os.system(text)",
        "eval(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "zipfile.ZipFile(path).extractall()",
        "tar.extractall(folder)",
    ],
)
def test_the_search_finds_what_it_should(text):
    assert wrong_in(text)


def test_sources_load_no_pickle_and_run_no_text(root):
    found = {}
    for path in [*sorted((root / "src").rglob("*.py")), *sorted((root / "workflow").rglob("*.py"))]:
        if wrong := wrong_in(path.read_text()):
            found[str(path.relative_to(root))] = wrong
    assert found == {}


def test_the_search_leaves_what_is_safe():
    assert wrong_in("network.eval()\ntorch.load(path, weights_only=True)") == []
    assert wrong_in("np.load(path, allow_pickle=False)\nyaml.load(text, Loader=yaml.CSafeLoader)") == []


def shells(text):
    """The text of each `shell:` of a file of rules, by the rule's name."""
    pattern = r"^rule (\w+):\n((?:(?!^rule |^use rule ).*\n)*?) {4}shell:\n((?: {8}.*\n?)+)"
    for name, _, body in re.findall(pattern, text, flags=re.MULTILINE):
        yield name, "".join(ast.literal_eval(line.strip()) for line in body.splitlines() if line.strip())


def test_rules_quote_what_reaches_the_shell(root):
    seen, wrong = 0, []
    for path in sorted((root / "workflow/rules").glob("*.smk")):
        text = path.read_text()
        found = dict(shells(text))
        assert len(found) == len(re.findall(r"^ {4}shell:$", text, flags=re.MULTILINE)), path
        assert not re.search(r"^ {4}(run|script|notebook|wrapper):", text, flags=re.MULTILINE), path
        for name, command in found.items():
            seen += 1
            assert command.startswith("resonaut "), name
            assert not re.search(r"[;&|`$]|<\(", command.replace("2>&1", "")), name
            for field in re.findall(r"\{([^}]*)\}", command):
                words = re.fullmatch(r"params\.(\w+)", field)
                if not (field.endswith(":q") or field == "threads" or (words and words[1] in UNQUOTED_WORDS)):
                    wrong.append(f"{path.name}: {name}: {{{field}}}")
    assert seen > 40
    assert wrong == []


def test_words_of_a_command_are_joined_by_their_quotes(root):
    """Words that `Plan` makes of names and paths pass through `shlex.join`; other joins join such words."""
    joins = {
        f"{path.name}: {line.strip()}"
        for path in (root / "src/resonaut").glob("workflow*.py")
        for line in path.read_text().splitlines()
        if '" ".join(' in line
    }
    of_words = (
        r'workflow_\w+.py: return " "\.join\(\[\*words, \*\(\[shlex\.join\(.*\)\] if pairs else \[\]\)\]\)'
    )
    assert [join for join in joins if not re.fullmatch(of_words, join)] == []
    assert len(joins) == 2


def test_plans_make_words_that_a_shell_reads_back(root):
    import shlex

    from resonaut.config import load
    from resonaut.workflow import Plan

    plan = Plan(load(root / "config/demo.yaml"))
    words = [plan.page_arguments(), plan.checked_arguments(), plan.comparison_of_generators()]
    words += [plan.tagger_arguments(name) for name in plan.study.tag]
    words += [plan.detector_arguments(*search) for search in plan.study.searches()]
    assert sum(map(len, words)) > 1000
    assert [text for text in words if shlex.join(shlex.split(text)) != text] == []
