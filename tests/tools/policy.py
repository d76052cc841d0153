#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dependency policy, checked over `cargo metadata` for linux on x86_64.

  policy.py [--metadata FILE | -]     default: runs cargo metadata in the working directory
  policy.py --self-test               shows that every rule passes on a good graph and fails on a bad one

Prints each rule with its verdict. Exit: 0 all hold, 1 a breach, 2 cannot check.
Needs nothing but Python and, without --metadata, cargo.
"""

import argparse
import copy
import json
import subprocess
import sys

LICENSES = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    # libbz2-rs-sys, which reads compressed tables: as permissive as BSD-3-Clause, whose words it has in other
    # order. Keep the notice, mark changes, claim neither authorship nor the author's support.
    "bzip2-1.0.6",
}

# Two versions of one of these are two sets of types, or two TLS stacks.
SINGLE = ["arrow", "parquet", "object_store", "tonic", "prost", "rustls", "hyper"]

# TLS is ring: no C toolchain beyond cc, no system library.
BANNED = ["openssl-sys", "native-tls", "aws-lc-sys", "aws-lc-rs", "aws-lc-fips-sys"]

# Which members a member may name, to build with. Tests may also name whatever stands above them.
ARROWS = {
    "m2m-segment": set(),
    "m2m-catalog": {"m2m-segment"},
    "m2m-storage": set(),
    "m2m-milvus": set(),
    "m2m-numpy": set(),
    "m2m-database": {"m2m-catalog"},
    "m2m-datasource": {"m2m-segment", "m2m-catalog", "m2m-storage"},
    "m2m-sink": {"m2m-segment", "m2m-storage", "m2m-numpy"},
    "m2m-migration": {"m2m-segment", "m2m-catalog", "m2m-storage", "m2m-milvus", "m2m-datasource", "m2m-sink"},
    "m2m-distributed": {"m2m-datasource", "m2m-sink"},
    "m2m": {
        "m2m-distributed",
        "m2m-segment",
        "m2m-catalog",
        "m2m-storage",
        "m2m-milvus",
        "m2m-numpy",
        "m2m-database",
        "m2m-datasource",
        "m2m-sink",
        "m2m-migration",
    },
}

# The members that may name a crate of DataFusion.
DATAFUSION_HOMES = {"m2m-numpy", "m2m-database", "m2m-datasource", "m2m-sink", "m2m-migration", "m2m-distributed", "m2m"}

# The segment crate turns bytes into values and knows nothing of where they come from.
PURE = "m2m-segment"
IMPURE = ["tokio", "object_store", "tonic", "hyper", "reqwest", "sqlx", "m2m-datasource", "datafusion"]

# Other platforms would have their crates downloaded only to be looked at.
PLATFORM = "x86_64-unknown-linux-gnu"

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


class Graph:
    """The packages of a `cargo metadata` answer and what they name."""

    def __init__(self, metadata):
        self.packages = {package["id"]: package for package in metadata["packages"]}
        self.members = [self.packages[member] for member in metadata["workspace_members"]]
        self.nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}

    def direct(self, package, kinds):
        """Names of what a package names itself, in the given kinds of dependency."""
        node = self.nodes[package["id"]]
        return sorted(
            self.packages[dep["pkg"]]["name"] for dep in node["deps"] if any((kind["kind"] or "normal") in kinds for kind in dep["dep_kinds"])
        )

    def closure(self, package):
        """Everything that is linked into a package."""
        seen, pending = set(), [package["id"]]
        while pending:
            for dep in self.nodes[pending.pop()]["deps"]:
                if dep["pkg"] not in seen and any(kind["kind"] is None for kind in dep["dep_kinds"]):
                    seen.add(dep["pkg"])
                    pending.append(dep["pkg"])
        return {self.packages[name]["name"] for name in seen}


def title(package):
    return f"{package['name']} {package['version']}"


def licenses(graph):
    """every licence is on the list"""
    for package in graph.packages.values():
        expression = package.get("license")
        if not expression:
            yield f"{title(package)} names no licence"
        elif not allowed(expression):
            yield f"{title(package)} is under {expression}"


def allowed(expression):
    """Whether an SPDX expression can be met from the list; `/` is the old way to write OR."""
    tokens = expression.replace("/", " OR ").replace("(", " ( ").replace(")", " ) ").split()

    def alternatives():
        met = conjunction()
        while tokens[:1] == ["OR"]:
            tokens.pop(0)
            met = conjunction() or met
        return met

    def conjunction():
        met = term()
        while tokens[:1] == ["AND"]:
            tokens.pop(0)
            met = term() and met
        return met

    def term():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            if tokens.pop(0) != ")":
                raise ValueError
            return met
        if tokens[:1] == ["WITH"]:
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in LICENSES

    try:
        met = alternatives()
    except (IndexError, ValueError):
        return False
    return met and not tokens


def single_versions(graph):
    """one version each of arrow, parquet, object_store, tonic, prost, rustls, hyper"""
    for name in SINGLE:
        versions = sorted(package["version"] for package in graph.packages.values() if package["name"] == name)
        if len(versions) != 1:
            yield f"{name}: {', '.join(versions) or 'none'}"


def banned(graph):
    """no OpenSSL, no aws-lc"""
    for package in graph.packages.values():
        if package["name"] in BANNED:
            yield f"{title(package)} is in the graph"


def sources(graph):
    """every dependency comes from crates.io or from this workspace"""
    members = {package["id"] for package in graph.members}
    for package in graph.packages.values():
        if package["id"] not in members and package["source"] != CRATES_IO:
            yield f"{title(package)} comes from {package['source'] or package['id']}"


def arrows(graph):
    """the arrows between the workspace's crates point one way"""
    names = [package["name"] for package in graph.members]
    for package in graph.members:
        name = package["name"]
        if name not in ARROWS:
            yield f"{name}: the policy does not say what it may name"
            continue
        for other in graph.direct(package, {"normal", "build"}):
            if other in names and other not in ARROWS[name]:
                yield f"{name} names {other}"


def member_order(graph):
    """members stand in dependency order, and tests name only members above theirs"""
    order = [package["name"] for package in graph.members]
    for package in graph.members:
        above = order[: order.index(package["name"])]
        for other in graph.direct(package, {"normal", "build", "dev"}):
            if other in order and other not in above:
                yield f"{package['name']} names {other}, which does not stand above it"


def pure_segment(graph):
    """m2m-segment links no runtime, store, network or DataFusion"""
    for package in graph.members:
        if package["name"] == PURE:
            for name in sorted(graph.closure(package)):
                if any(name == impure or name.startswith(f"{impure}-") for impure in IMPURE):
                    yield f"{PURE} links {name}"
            return
    yield f"{PURE} is not a member"


def datafusion_home(graph):
    """only numpy, database, datasource, sink, migration, distributed and the root name DataFusion"""
    for package in graph.members:
        for name in graph.direct(package, {"normal", "build", "dev"}):
            if name.startswith("datafusion") and package["name"] not in DATAFUSION_HOMES:
                yield f"{package['name']} names {name}"


RULES = [licenses, single_versions, banned, sources, arrows, member_order, pure_segment, datafusion_home]


def main():
    parser = argparse.ArgumentParser(description="checks the dependency policy")
    parser.add_argument("--metadata", help="a file with the answer of cargo metadata; - is standard input")
    parser.add_argument("--self-test", action="store_true", help="show that each rule can fail")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    try:
        graph = Graph(read_metadata(args.metadata))
    except (OSError, ValueError, KeyError) as error:
        print(f"error: cannot read the dependency graph: {error}", file=sys.stderr)
        return 2
    breaches = {rule: sorted(rule(graph)) for rule in RULES}
    for rule, found in breaches.items():
        print(f"{'BREACH' if found else 'ok':6}  {rule.__name__}: {rule.__doc__}")
        for breach in found:
            print(f"        {breach}")
    print(f"{len(graph.packages)} packages, {len(graph.members)} of them of this workspace")
    return 1 if any(breaches.values()) else 0


def read_metadata(source):
    if source == "-":
        return json.load(sys.stdin)
    if source:
        with open(source, encoding="utf-8") as file:
            return json.load(file)
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def self_test():
    """Breaks a good graph in one way after the other; the rule that is meant must see it, and no other."""
    failures = [f"the good graph breaches {rule.__name__}" for rule in RULES if list(rule(Graph(good_graph())))]
    for rule, what, change in MUTATIONS:
        metadata = copy.deepcopy(good_graph())
        change(metadata)
        seen = [other.__name__ for other in RULES if list(other(Graph(metadata)))]
        verdict = "seen" if seen == [rule.__name__] else f"WRONG: {seen or 'nothing'}"
        print(f"{rule.__name__:16} {what}: {verdict}")
        if seen != [rule.__name__]:
            failures.append(f"{what}: seen by {seen}")
    untested = {rule.__name__ for rule in RULES} - {rule.__name__ for rule, _, _ in MUTATIONS}
    failures += [f"{name} is never broken" for name in untested]
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def good_graph():
    metadata = {"packages": [], "workspace_members": [], "resolve": {"nodes": []}}
    for name in SINGLE:
        add(metadata, name, source=CRATES_IO)
    add(metadata, "datafusion", source=CRATES_IO)
    add(metadata, "tokio", source=CRATES_IO)
    for name in ARROWS:
        add(metadata, name, source=None, license_="Apache-2.0")
        metadata["workspace_members"].append(name)
        for other in sorted(ARROWS[name]):
            link(metadata, name, other)
    for name in DATAFUSION_HOMES:
        link(metadata, name, "datafusion")
    link(metadata, "m2m-storage", "object_store")
    link(metadata, "m2m-storage", "m2m-segment", "dev")
    return metadata


def add(metadata, name, version="1.0.0", source=CRATES_IO, license_="MIT OR Apache-2.0"):
    id_ = name if version == "1.0.0" else f"{name}@{version}"
    metadata["packages"].append({"id": id_, "name": name, "version": version, "source": source, "license": license_})
    metadata["resolve"]["nodes"].append({"id": id_, "deps": []})


def link(metadata, name, other, kind=None):
    node = next(node for node in metadata["resolve"]["nodes"] if node["id"] == name)
    node["deps"].append({"name": other, "pkg": other, "dep_kinds": [{"kind": kind, "target": None}]})


def relicense(expression):
    return lambda m: m["packages"][0].update(license=expression)


def tokio_in_segment(metadata):
    add(metadata, "innocent")
    link(metadata, "m2m-segment", "innocent")
    link(metadata, "innocent", "tokio")


MUTATIONS = [
    (licenses, "a copyleft licence", relicense("GPL-3.0-only")),
    (licenses, "a licence that is half allowed", relicense("MIT AND (GPL-2.0-only OR AGPL-3.0-only)")),
    (licenses, "an unknown exception", relicense("Apache-2.0 WITH Something-exception")),
    (licenses, "no licence", relicense(None)),
    (licenses, "an expression that cannot be read", relicense("(MIT")),
    (single_versions, "a second arrow", lambda m: add(m, "arrow", "2.0.0")),
    (single_versions, "a second rustls", lambda m: add(m, "rustls", "0.1.0")),
    (banned, "OpenSSL", lambda m: add(m, "openssl-sys")),
    (banned, "aws-lc", lambda m: add(m, "aws-lc-rs")),
    (sources, "a git dependency", lambda m: add(m, "forked", source="git+https://example.com/forked")),
    (sources, "a path outside the workspace", lambda m: add(m, "outside", source=None)),
    (arrows, "milvus names segment", lambda m: link(m, "m2m-milvus", "m2m-segment")),
    (arrows, "sink names catalog to build", lambda m: link(m, "m2m-sink", "m2m-catalog", "build")),
    (member_order, "a test of storage names sink", lambda m: link(m, "m2m-storage", "m2m-sink", "dev")),
    (pure_segment, "tokio behind an innocent crate", tokio_in_segment),
    (datafusion_home, "milvus names datafusion", lambda m: link(m, "m2m-milvus", "datafusion")),
    (datafusion_home, "a test of catalog names datafusion", lambda m: link(m, "m2m-catalog", "datafusion", "dev")),
]


if __name__ == "__main__":
    sys.exit(main())
