// SPDX-License-Identifier: Apache-2.0
//! Every key that a configuration may have, and what it means. The reference
//! page, the commented file of `m2m config init` and all checks come from here.

use std::ops::RangeInclusive;

use m2m_storage::Cloud;

/// How import files are written.
pub(crate) const FORMATS: &[&str] = &["npy", "parquet"];
/// What is done when a collection is there already.
pub(crate) const IF_EXISTS_WORDS: &[&str] = &["fail", "append", "skip", "replace"];
const PARTITIONS_WORDS: &[&str] = &["keep", "key"];
const COSINE_WORDS: &[&str] = &["never", "ifNormalised", "always"];
const INDEX_WORDS: &[&str] = &["keep", "auto", "none"];
const DUPLICATES_WORDS: &[&str] = &["keep", "first", "last", "fail"];
const INVALID_WORDS: &[&str] = &["fail", "skip"];
/// How the bytes of import files are summed.
pub(crate) const CHECKSUM_WORDS: &[&str] = &["crc32c", "sha256"];

/// Sizes that an import file can be asked to have, in MiB. Milvus refuses files
/// of more than 16 GiB, and a file may become somewhat larger than asked for.
pub(crate) const FILE_SIZE_MIB: RangeInclusive<u64> = 1..=12_288;
const THREADS: RangeInclusive<u64> = 1..=1024;
const KIB: RangeInclusive<u64> = 1..=1 << 30;
const BYTES: RangeInclusive<u64> = 0..=i32::MAX as u64;
/// From a second to a day.
const SECONDS: RangeInclusive<u64> = 1..=86_400;

/// A key of the configuration.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its sections and its name, joined by dots.
    pub(crate) path: &'static str,
    /// What may stand there.
    pub(crate) kind: Kind,
    /// What counts when nothing stands there, in words; empty when nothing does.
    pub(crate) default: &'static str,
    /// The flag that says the same.
    pub(crate) flag: Option<&'static str>,
    /// A short environment variable beside the one that follows from the path.
    pub(crate) variable: Option<&'static str>,
    /// What it means, in Markdown.
    pub(crate) doc: &'static str,
}

/// What may stand at a key.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// SQL.
    Sql,
    /// A text that is never printed.
    Secret,
    /// A MySQL address, whose password is never printed.
    Dsn,
    /// One or more paths or URLs.
    List,
    /// True or false.
    Flag,
    /// A whole number in this range.
    Integer(RangeInclusive<u64>),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a cloud.
    Cloud,
    /// A key of milvus-migration, or everything below it, that means nothing
    /// for 1.x: accepted with a warning that says why.
    Unused(&'static str),
}

impl Kind {
    /// The values, in words.
    pub(crate) fn words(&self) -> String {
        let list = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
        match self {
            Self::Text => "text".into(),
            Self::Sql => "SQL".into(),
            Self::Secret => "secret".into(),
            Self::Dsn => "address with password".into(),
            Self::List => "one or a list".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Integer(range) if *range.end() >= KIB.end() / 2 => "number".into(),
            Self::Integer(range) => format!("{} to {}", range.start(), range.end()),
            Self::Choice(words) => list(words).join(", "),
            Self::Cloud => list(&Cloud::ALL.map(|(_, name)| name)).join(", "),
            Self::Unused(_) => "anything".into(),
        }
    }
}

impl Key {
    const fn new(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self { path, kind, default, flag: None, variable: None, doc }
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The environment variable that follows from the path.
    pub(crate) fn environment(&self) -> String {
        let mut name = String::from("M2M_");
        let path = self.path.strip_prefix("m2m.").unwrap_or(self.path);
        let mut before = '.';
        for c in path.chars() {
            if c == '.' || (c.is_ascii_uppercase() && before.is_ascii_lowercase()) {
                name.push('_');
            }
            if c != '.' {
                name.push(c.to_ascii_uppercase());
            }
            before = c;
        }
        name
    }
}

macro_rules! keys {
    ($($name:ident = $key:expr;)*) => {
        $(pub(crate) static $name: Key = $key;)*
        /// Every key, in the order of the reference.
        pub(crate) static KEYS: &[&Key] = &[$(&$name),*];
    };
}

pub(crate) mod collection;
pub(crate) mod field;

keys! {
    DUMP_MODE = Key::new("dumper.worker.workMode", Kind::Choice(&["milvus1x"]), "milvus1x",
        "What is migrated. milvus-migration knows other sources; m2m reads Milvus 1.x.");
    DUMP_LIMIT = Key::new("dumper.worker.limit", Kind::Integer(THREADS), "",
        "The most segments that are read at once. More than `m2m.workers` are never read.");
    READ_BUFFER = Key::new("dumper.worker.reader.bufferSize", Kind::Integer(KIB), "",
        "KiB of one read from object storage, kept between 64 KiB and 16 MiB. Local files are read as suits them.");
    WRITE_BUFFER = Key::new("dumper.worker.writer.bufferSize", Kind::Integer(KIB), "",
        "KiB of one uploaded part, kept between the 5 MiB that S3 wants and 64 MiB.");
    LOAD_LIMIT = Key::new("loader.worker.limit", Kind::Integer(THREADS), "2", "Import jobs in flight.")
        .flag("--jobs");

    META_MODE = Key::new("meta.mode", Kind::Choice(&["sqlite", "mysql", "local", "mock", "remote"]), "",
        "Where the metadata is: `sqlite` and `mysql` are the old server's own; `local` (or its old name `mock`) and `remote` are a `meta.json`. May be left out when only one of the keys below is there.");
    META_SQLITE = Key::new("meta.sqliteFile", Kind::Text, "",
        "The server's `meta.sqlite`, for mode `sqlite`. It is read through a copy, together with its `-wal`.");
    META_MYSQL = Key::new("meta.mysqlUrl", Kind::Dsn, "",
        "The server's MySQL database, for mode `mysql`: `user:password@tcp(host:port)/database?tls=true` as Go writes it, or `mysql://user:password@host:port/database`. It is read in one read-only transaction.");
    META_LOCAL = Key::new("meta.localFile", Kind::Text, "", "A `meta.json` on disk, for mode `local`.");
    META_MOCK = Key::new("meta.mockFile", Kind::Text, "", "The same, for mode `mock`.");
    META_REMOTE = Key::new("meta.remoteMetaFile", Kind::Text, "",
        "The key of a `meta.json` in the bucket of `source.remote`, for mode `remote`.");
    META_VERSION = Key::new("meta.version", Kind::Unused("it is for Elasticsearch and Milvus 2.x sources"), "", "");
    META_INDEX = Key::new("meta.index", Kind::Unused("it is for Elasticsearch sources"), "", "");
    META_FIELDS = Key::new("meta.fields", Kind::Unused("it is for Elasticsearch and Milvus 2.x sources"), "", "");
    META_COLLECTION = Key::new("meta.collection", Kind::Unused("it is for Milvus 2.x sources; `--col` selects collections"), "", "");
    META_MILVUS = Key::new("meta.milvus", Kind::Unused("it is for Elasticsearch and Milvus 2.x sources"), "", "");

    SOURCE_MODE = Key::new("source.mode", Kind::Choice(&["local", "remote"]), "local", "Where the segments are: on disk, or in object storage.");
    SOURCE_TABLES = Key::new("source.local.tablesDir", Kind::List, "",
        "The old server's `db/tables`, for mode `local`; the `db` folder or the root above it will do. A list for servers of 0.9 with secondary paths.");
    SOURCE_FAISS = Key::new("source.local.faissFile", Kind::Unused("it is for Faiss sources"), "", "");
    SOURCE_PREFIX = Key::new("source.remote.tablesDir", Kind::Text, "",
        "The prefix of `db/tables` in the bucket, for mode `remote`, with or without a leading `/`.");
    SOURCE_CLOUD = Key::new("source.remote.cloud", Kind::Cloud, "aws", "Who keeps the bucket, as `target.remote.cloud`.");
    SOURCE_ENDPOINT = Key::new("source.remote.endpoint", Kind::Text, "the cloud's own", "As `target.remote.endpoint`.");
    SOURCE_BUCKET = Key::new("source.remote.bucket", Kind::Text, "", "The bucket with the segments.");
    SOURCE_REGION = Key::new("source.remote.region", Kind::Text, "", "As `target.remote.region`.");
    SOURCE_AK = Key::new("source.remote.ak", Kind::Secret, "", "As `target.remote.ak`.");
    SOURCE_SK = Key::new("source.remote.sk", Kind::Secret, "", "As `target.remote.sk`.");
    SOURCE_SSL = Key::new("source.remote.useSSL", Kind::Flag, "", "As `target.remote.useSSL`.");
    SOURCE_IAM = Key::new("source.remote.useIAM", Kind::Flag, "false", "As `target.remote.useIAM`.");
    SOURCE_CHECK = Key::new("source.remote.checkBucket", Kind::Flag, "true",
        "Whether to look first if the bucket is there and can be listed. Nothing is written to a source.");
    SOURCE_CA = Key::new("source.remote.caFile", Kind::Text, "", "As `target.remote.caFile`.");
    SOURCE_FAISS_REMOTE = Key::new("source.remote.faissFile", Kind::Unused("it is for Faiss sources"), "", "");
    SOURCE_ES = Key::new("source.es", Kind::Unused("it is for Elasticsearch sources"), "", "");
    SOURCE_MILVUS = Key::new("source.milvus2x", Kind::Unused("it is for Milvus 2.x sources"), "", "");

    TARGET_MODE = Key::new("target.mode", Kind::Choice(&["local", "remote"]), "",
        "Where import files go: to a folder, or to the bucket of Milvus 2.x. May be left out when only one of them is described.");
    TARGET_DIR = Key::new("target.local.outputDir", Kind::Text, "",
        "The folder, for mode `local`. To load from it, Milvus must see it: `m2m.serverPath`.");
    TARGET_PREFIX = Key::new("target.remote.outputDir", Kind::Text, "the bucket itself",
        "The prefix in the bucket, for mode `remote`; slashes around it are dropped. Nothing is added to it.");
    TARGET_CLOUD = Key::new("target.remote.cloud", Kind::Cloud, "aws",
        "Who keeps the bucket: `aws` (also `s3`, `minio`: every server that speaks S3), `gcp` (`gcs`), `azure` (`az`), `ali` (`aliyun`, `oss`) or `tc` (`tencent`, `cos`).");
    TARGET_ENDPOINT = Key::new("target.remote.endpoint", Kind::Text, "the cloud's own",
        "The storage server, `host:port` or with `http://` or `https://` before it.")
        .flag("--s3-endpoint").variable("M2M_S3_ENDPOINT");
    TARGET_BUCKET = Key::new("target.remote.bucket", Kind::Text, "",
        "The bucket; to be loaded from, it must be the one that Milvus 2.x is configured with.");
    TARGET_REGION = Key::new("target.remote.region", Kind::Text, "us-east-1",
        "The bucket's region. Servers other than AWS take any.")
        .flag("--s3-region").variable("M2M_S3_REGION");
    TARGET_AK = Key::new("target.remote.ak", Kind::Secret, "",
        "The access key; for Azure the account. Without it the cloud's own environment variables count.")
        .flag("--s3-access-key").variable("M2M_S3_ACCESS_KEY");
    TARGET_SK = Key::new("target.remote.sk", Kind::Secret, "",
        "The secret key; for Azure the account's key.")
        .flag("--s3-secret-key").variable("M2M_S3_SECRET_KEY");
    TARGET_SSL = Key::new("target.remote.useSSL", Kind::Flag, "",
        "Whether an endpoint without a scheme is https. A cloud's own endpoint always is.");
    TARGET_IAM = Key::new("target.remote.useIAM", Kind::Flag, "false",
        "Whether the machine's role is asked for credentials: AWS roles, Google's metadata service, Azure's managed identity. Keys are ignored then.");
    TARGET_CHECK = Key::new("target.remote.checkBucket", Kind::Flag, "true",
        "Whether to prove first that the bucket can be listed, written, read and cleaned. It is never created.");
    TARGET_CA = Key::new("target.remote.caFile", Kind::Text, "the machine's own",
        "A PEM file with the certificates that vouch for the storage server, beside those that the machine trusts.")
        .flag("--s3-ca").variable("M2M_S3_CA");
    MILVUS = Key::new("target.milvus2x.endpoint", Kind::Text, "",
        "The address of Milvus 2.x: `host:port`, or with `http://` or `https://` before it.")
        .flag("--milvus").variable("M2M_MILVUS");
    MILVUS_USER = Key::new("target.milvus2x.username", Kind::Text, "", "The user, when authentication is on.")
        .flag("--milvus-user").variable("M2M_MILVUS_USER");
    MILVUS_PASSWORD = Key::new("target.milvus2x.password", Kind::Secret, "", "The user's password.")
        .flag("--milvus-password").variable("M2M_MILVUS_PASSWORD");
    MILVUS_TOKEN = Key::new("target.milvus2x.token", Kind::Secret, "", "An API token instead of user and password.")
        .flag("--milvus-token").variable("M2M_MILVUS_TOKEN");
    MILVUS_DATABASE = Key::new("target.milvus2x.database", Kind::Text, "the server's default",
        "The database of the new collections; created when missing.")
        .flag("--milvus-database").variable("M2M_MILVUS_DATABASE");
    MILVUS_CA = Key::new("target.milvus2x.caFile", Kind::Text, "public authorities",
        "A PEM file with the certificates of those who sign the certificate of Milvus. This key and the three below have the connection encrypted, whatever the address says.")
        .flag("--milvus-ca").variable("M2M_MILVUS_CA");
    MILVUS_CERT = Key::new("target.milvus2x.certFile", Kind::Text, "",
        "A PEM file with the certificate that m2m shows to a Milvus that asks for one; together with `keyFile`.")
        .flag("--milvus-cert").variable("M2M_MILVUS_CERT");
    MILVUS_KEY = Key::new("target.milvus2x.keyFile", Kind::Text, "",
        "A PEM file with the private key of that certificate.")
        .flag("--milvus-key").variable("M2M_MILVUS_KEY");
    MILVUS_SERVER_NAME = Key::new("target.milvus2x.serverName", Kind::Text, "the host of the address",
        "The name that the certificate of Milvus must bear.");
    MILVUS_RECV = Key::new("target.milvus2x.grpc.maxCallRecvMsgSize", Kind::Integer(BYTES), "268435456",
        "Bytes of the longest answer that is read from Milvus; 0 is the default.");
    MILVUS_SEND = Key::new("target.milvus2x.grpc.maxCallSendMsgSize", Kind::Integer(BYTES), "unlimited",
        "Bytes of the longest request that is sent to Milvus; 0 is the default.");
    MILVUS_WRITE = Key::new("target.milvus2x.writeMode", Kind::Unused("it is for Milvus 2.x sources"), "", "");
    CREATE_NAME = Key::new("target.create.collection.name", Kind::Text, "the collection's own",
        "The name in Milvus 2.x, when exactly one collection is migrated.");
    CREATE_SHARDS = Key::new("target.create.collection.shardsNum", Kind::Integer(0..=64), "the server's default",
        "Shards of new collections; 0 leaves it to the server.")
        .flag("--shards");
    CREATE_DIM = Key::new("target.create.collection.dim", Kind::Integer(0..=32_768), "",
        "The dimension that every migrated collection must have; otherwise nothing is done. 0 expects nothing.");
    CREATE_METRIC = Key::new("target.create.collection.metricType", Kind::Text, "",
        "The metric that every migrated collection must have; otherwise nothing is done.");

    INSTALL = Key::new("m2m.install", Kind::Text, "",
        "The root of the old installation, in place of `source` and `meta`: it holds `db/meta.sqlite` and `db/tables`, or `meta.json` and `tables`.")
        .flag("--install");
    TABLES = Key::new("m2m.tables", Kind::List, "",
        "In place of `source`: `tables` folders, or one `s3://bucket/prefix` (`gs://`, `az://`, `oss://`, `cos://`). A bucket is reached as `source.remote` says, or, where that is empty, as `target.remote` does.")
        .flag("--tables");
    META = Key::new("m2m.meta", Kind::Dsn, "",
        "In place of `meta`: a `meta.sqlite`, a `meta.json`, a URL of one, or a MySQL address.")
        .flag("--meta");
    WAL = Key::new("m2m.wal", Kind::Text, "`wal` in `m2m.install`",
        "The old server's write-ahead log, to tell rows that were never flushed.")
        .flag("--wal");
    SOURCE_HOSTED = Key::new("m2m.source.virtualHosted", Kind::Flag, "the cloud's way", "As `m2m.target.virtualHosted`.");
    OUT = Key::new("m2m.out", Kind::Text, "",
        "In place of `target.mode` and its folder or bucket: a folder, or `s3://bucket/prefix` (`gs://`, `az://`, `oss://`, `cos://`), reached as `target.remote` says.")
        .flag("--out");
    TARGET_HOSTED = Key::new("m2m.target.virtualHosted", Kind::Flag, "the cloud's way",
        "Whether the bucket's name stands before the host name (as OSS and COS want it) or in the path (as MinIO and its like want it).");
    SERVER_PATH = Key::new("m2m.serverPath", Kind::Text, "",
        "The folder of a local target as the server of Milvus 2.x sees it. Needed to load from a folder, and only a Milvus with `storageType: local` can do that.");
    WORKERS = Key::new("m2m.workers", Kind::Integer(THREADS), "one for each core", "Threads that read and write at once.")
        .flag("--workers");
    MEMORY = Key::new("m2m.memory", Kind::Integer(16..=1 << 24), "256",
        "MiB for sorting and grouping, which spill to disk beyond it, and for joining, which fails.")
        .flag("--memory");
    CLUSTER = Key::new("m2m.cluster", Kind::Text, "",
        "The scheduler of the cluster that reads and writes in place of `dump`, `migrate`, `audit` and `sql`, as `host:port`. Needs an `m2m` that is built with `--features ballista`.")
        .flag("--cluster");
    FILE_SIZE = Key::new("m2m.fileSize", Kind::Integer(FILE_SIZE_MIB), "1024", "About how many MiB an import file becomes.")
        .flag("--file-size");
    ID_FIELD = Key::new("m2m.idField", Kind::Text, "id", "The name of the primary key in Milvus 2.x.");
    VECTOR_FIELD = Key::new("m2m.vectorField", Kind::Text, "vector", "The name of the vector field in Milvus 2.x.");
    FORMAT = Key::new("m2m.format", Kind::Choice(FORMATS), "npy",
        "How import files are written: `npy` is a NumPy file for each field, `parquet` one file for all of them, which Milvus reads from 2.3.4 on.")
        .flag("--to-format");
    PARTITIONS = Key::new("m2m.partitions", Kind::Choice(PARTITIONS_WORDS), "keep",
        "What becomes of partitions: they stay partitions, or their tags become a field, the `key` by which Milvus divides the collection.");
    PARTITION_FIELD = Key::new("m2m.partitionField", Kind::Text, "partition_tag",
        "The name of that field in Milvus 2.x.");
    IP_TO_COSINE = Key::new("m2m.ipToCosine", Kind::Choice(COSINE_WORDS), "never",
        "Whether the metric `IP` becomes `COSINE`: `ifNormalised` where every vector has the length 1. `COSINE` is known from Milvus 2.3 on.");
    INDEX = Key::new("m2m.index", Kind::Choice(INDEX_WORDS), "keep",
        "What becomes of indexes: `keep` makes the one of 1.x, or the nearest that Milvus 2.x has; `auto` makes one that suits the metric and the rows; with `none` there is none, and the collection cannot be loaded.");
    DUPLICATES = Key::new("m2m.duplicates", Kind::Choice(DUPLICATES_WORDS), "keep",
        "What becomes of rows of a collection that share an id: `keep` takes all of them, `first` and `last` one, by the order of partitions, segments and rows, and `fail` ends the run. The rows of a query must not share ids unless it is `keep`: which of them counts, the query says itself.");
    INVALID_VECTORS = Key::new("m2m.invalidVectors", Kind::Choice(INVALID_WORDS), "fail",
        "What becomes of vectors with components that are no numbers or infinite, which Milvus 2.x refuses: `skip` leaves them behind in a Parquet file of their own, with segment, offset, id and reason; of a query's rows those of its result.");
    CHECKSUM = Key::new("m2m.checksum", Kind::Choice(CHECKSUM_WORDS), "crc32c",
        "What `manifest.json` says of the bytes of each import file: a CRC-32C always, which notices accidents at the speed of memory; with `sha256` a SHA-256 too, which notices a forgery as well and takes longer.")
        .flag("--checksum");
    IMPORT_STALL = Key::new("m2m.importStall", Kind::Integer(SECONDS), "900",
        "Seconds that an import job may go without moving before the load ends with an error.");
    RETRY = Key::new("m2m.retry", Kind::Integer(0..=86_400), "60",
        "Seconds that a call of Milvus which fails with what can pass (a restart, a lost connection, throttling) is tried for; 0 tries once. Object stores have limits of their own.");
    IF_EXISTS = Key::new("m2m.ifExists", Kind::Choice(IF_EXISTS_WORDS), "fail",
        "What is done when Milvus 2.x has a collection of the name: `fail`, `append` to it when its fields and its metric fit, `skip` it, or `replace` it, with all that it holds.")
        .flag("--if-exists");
    LOAD_AFTER = Key::new("m2m.loadAfter", Kind::Flag, "true",
        "Whether collections are loaded into the memory of Milvus at the end, so that they can be searched.");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn environment_variables_are_spelt_as_people_expect() {
        for (key, expected) in [
            (&TARGET_SK, "M2M_TARGET_REMOTE_SK"),
            (&TARGET_SSL, "M2M_TARGET_REMOTE_USE_SSL"),
            (&READ_BUFFER, "M2M_DUMPER_WORKER_READER_BUFFER_SIZE"),
            (&MILVUS, "M2M_TARGET_MILVUS2X_ENDPOINT"),
            (&FILE_SIZE, "M2M_FILE_SIZE"),
            (&OUT, "M2M_OUT"),
        ] {
            assert_eq!(key.environment(), expected);
        }
    }

    #[test]
    fn no_two_keys_share_a_name_a_flag_or_a_variable() {
        let mut names = HashSet::new();
        for key in KEYS {
            let variable = key.variable.map(str::to_owned);
            let flag = key.flag.map(str::to_owned);
            let all = [Some(key.path.to_ascii_lowercase()), Some(key.environment()), variable, flag];
            for name in all.into_iter().flatten() {
                assert!(names.insert(name.clone()), "{name} comes twice");
            }
        }
    }

    #[test]
    fn every_key_of_a_collection_or_a_column_stands_below_it_and_says_what_it_means() {
        let (of_collection, of_field) = ("m2m.collections.NAME.", "m2m.collections.NAME.fields.COLUMN.");
        for (above, keys) in [(of_collection, collection::KEYS), (of_field, field::KEYS)] {
            let names: HashSet<&str> = keys.iter().map(|key| key.name()).collect();
            assert_eq!(names.len(), keys.len());
            for key in keys {
                assert_eq!(format!("{above}{}", key.name()), key.path);
                assert!(!key.doc.is_empty() && key.flag.is_none() && key.variable.is_none(), "{}", key.path);
            }
        }
    }

    #[test]
    fn every_key_that_means_something_says_what() {
        for key in KEYS {
            assert_eq!(matches!(key.kind, Kind::Unused(_)), key.doc.is_empty(), "{}", key.path);
        }
    }
}
