#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prepares a data directory for the Milvus binary of the PyPI package `milvus`
and becomes that binary, so that this process's pid is Milvus' pid.

The package's own `milvus-server` is not used because it leaves the embedded
etcd on ports 2379 and 2380 whatever it is told, takes other ports in silence
when one is taken, does not notice that the server ended, and kills it one
second after SIGTERM.
"""

import argparse
import fcntl
import os
import re
import sys

# In the order of the ports: base, base + 1, ...
LISTENERS = [
    "proxy_port",
    "proxy_internal_port",
    "root_coord_port",
    "query_coord_port",
    "query_node_port",
    "data_coord_port",
    "data_node_port",
    "index_node_port",
    "index_coord_port",
]
METRICS, ETCD_CLIENT, ETCD_PEER = 9, 10, 11


def main():
    args = parse_args()
    import milvus

    data = os.path.abspath(args.data)
    binaries = os.path.join(os.path.abspath(args.bin_cache), milvus.__version__)
    unpack_binaries(milvus, binaries)
    for folder in ("configs", "logs", "data"):
        os.makedirs(os.path.join(data, folder), exist_ok=True)
    etcd = write_etcd_config(data, args.base_port)
    write_milvus_config(milvus, data, etcd, args.base_port, [pair.split("=", 1) for pair in args.set])
    become_milvus(data, binaries, args.base_port)


def unpack_binaries(milvus, binaries):
    """Unpacks once, and by one process when several instances start at the same time."""
    os.makedirs(os.path.dirname(binaries), exist_ok=True)
    with open(binaries + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        milvus._initialize_data_files(binaries)


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="configuration, logs and data of this instance")
    parser.add_argument("--bin-cache", required=True, help="where the 250 MB of binaries are unpacked once")
    parser.add_argument("--base-port", type=int, default=19530, help="uses base..base+11")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a dotted key of the package's template")
    return parser.parse_args()


def write_etcd_config(data, base):
    client, peer = base + ETCD_CLIENT, base + ETCD_PEER
    path = os.path.join(data, "configs", "etcd.yaml")
    with open(path, "w") as file:
        file.write(
            f"name: embed\n"
            f"data-dir: {data}/data/etcd.data\n"
            f"listen-client-urls: http://127.0.0.1:{client}\n"
            f"advertise-client-urls: http://127.0.0.1:{client}\n"
            f"listen-peer-urls: http://127.0.0.1:{peer}\n"
            f"initial-advertise-peer-urls: http://127.0.0.1:{peer}\n"
            f"initial-cluster: embed=http://127.0.0.1:{peer}\n"
            f"log-outputs: [{data}/logs/etcd.log]\n"
        )
    return path


def write_milvus_config(milvus, data, etcd, base, settings):
    config = milvus.MilvusServerConfig()
    anchor = re.search(r"^  use:\n(    #.*\n)?    embed: true", config.template_text, re.MULTILINE)
    if anchor is None:
        sys.exit(f"the configuration template of milvus {milvus.__version__} is not known")
    # `etcd.config.path` is the only setting that moves the embedded etcd's ports.
    text = config.template_text[: anchor.start()] + f"  config:\n    path: {etcd}\n" + config.template_text[anchor.start() :]
    # Without an address the services find each other over the first one that is not loopback.
    text = text.replace("  ip: # if not specify address", "  ip: 127.0.0.1 # if not specify address")
    # 2.2 waits up to eight seconds for services of its own that are there after one: with the settings of 2.3 it does not.
    config.template_text = text.replace("maxMaxAttempts: 5", "maxMaxAttempts: 10").replace("initialBackOff: 1.0", "initialBackOff: 0.2")
    config.configs.update(data_dir=data)
    for offset, name in enumerate(LISTENERS):
        config.set(name, base + offset)
    config.set("etcd_port", base + ETCD_CLIENT)
    config.resolve_storage()
    for key, value in settings:
        if key in config.configurable_items:
            kind = config.configurable_items[key][0]
            config.set(key, value == "true" if kind is bool else kind(value))
        else:
            config.set(key, value)
    config.write_config()
    refuse_lost_settings(milvus, config, os.path.join(data, "configs", "milvus.yaml"), settings)


def refuse_lost_settings(milvus, config, path, settings):
    """The package drops a key that its template does not have without a word."""
    with open(path) as file:
        written = file.read()
    for key, value in settings:
        leaf = key.split(".")[-1]
        if key not in config.configurable_items and f"{leaf}: {value}" not in written:
            sys.exit(f"milvus {milvus.__version__} has no setting {key}")


def become_milvus(data, binaries, base):
    executable = os.path.join(binaries, "bin", "milvus")
    env = dict(
        os.environ,
        DEPLOY_MODE="STANDALONE",
        METRICS_PORT=str(base + METRICS),
        MILVUS_RUN_DIR=os.path.join(data, "run"),
        LD_LIBRARY_PATH=os.path.join(binaries, "bin") + ":" + os.environ.get("LD_LIBRARY_PATH", ""),
    )
    os.chdir(data)
    os.execve(executable, [executable, "run", "standalone"], env)


if __name__ == "__main__":
    main()
