// SPDX-License-Identifier: Apache-2.0
//! The numbers that the metadata uses for metrics, indexes and file types
//! (`db/engine/ExecutionEngine.h`, `db/meta/MetaTypes.h`, v0.9.0 to v1.1.1).

/// How two vectors are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// Inner product.
    Ip,
    /// Bits that differ.
    Hamming,
    /// Jaccard distance of bits.
    Jaccard,
    /// Tanimoto distance of bits: −log₂(1 − Jaccard).
    Tanimoto,
    /// Whether the query's bits contain the vector's.
    Substructure,
    /// Whether the vector's bits contain the query's.
    Superstructure,
}

impl Metric {
    /// Returns the metric of a `metric_type`.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            1 => Self::L2,
            2 => Self::Ip,
            3 => Self::Hamming,
            4 => Self::Jaccard,
            5 => Self::Tanimoto,
            6 => Self::Substructure,
            7 => Self::Superstructure,
            _ => return None,
        })
    }

    /// Returns the `metric_type`.
    #[must_use]
    pub fn code(self) -> i64 {
        match self {
            Self::L2 => 1,
            Self::Ip => 2,
            Self::Hamming => 3,
            Self::Jaccard => 4,
            Self::Tanimoto => 5,
            Self::Substructure => 6,
            Self::Superstructure => 7,
        }
    }

    /// Returns the name, in upper case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::L2 => "L2",
            Self::Ip => "IP",
            Self::Hamming => "HAMMING",
            Self::Jaccard => "JACCARD",
            Self::Tanimoto => "TANIMOTO",
            Self::Substructure => "SUBSTRUCTURE",
            Self::Superstructure => "SUPERSTRUCTURE",
        }
    }

    /// Returns whether the vectors are binary. Nothing else decides this: an
    /// index type may say otherwise after an index was dropped.
    #[must_use]
    pub fn is_binary(self) -> bool {
        !matches!(self, Self::L2 | Self::Ip)
    }
}

/// The index of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// None that is known.
    Unknown(i64),
    /// Brute force over float vectors.
    Flat,
    /// Inverted lists.
    IvfFlat,
    /// Inverted lists, 8-bit quantised.
    IvfSq8,
    /// Navigating graph.
    Rnsg,
    /// Inverted lists, 8-bit quantised, on CPU and GPU.
    IvfSq8h,
    /// Inverted lists, product-quantised.
    IvfPq,
    /// k-d trees with a graph.
    SptagKdt,
    /// Balanced k-means trees with a graph.
    SptagBkt,
    /// Brute force over binary vectors.
    BinFlat,
    /// Inverted lists of binary vectors.
    BinIvfFlat,
    /// Hierarchical graph.
    Hnsw,
    /// Random projection trees.
    Annoy,
}

impl Engine {
    /// Returns the index of an `engine_type`.
    #[must_use]
    pub fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Flat,
            2 => Self::IvfFlat,
            3 => Self::IvfSq8,
            4 => Self::Rnsg,
            5 => Self::IvfSq8h,
            6 => Self::IvfPq,
            7 => Self::SptagKdt,
            8 => Self::SptagBkt,
            9 => Self::BinFlat,
            10 => Self::BinIvfFlat,
            11 => Self::Hnsw,
            12 => Self::Annoy,
            other => Self::Unknown(other),
        }
    }

    /// Returns the `engine_type`.
    #[must_use]
    pub fn code(self) -> i64 {
        match self {
            Self::Unknown(code) => code,
            Self::Flat => 1,
            Self::IvfFlat => 2,
            Self::IvfSq8 => 3,
            Self::Rnsg => 4,
            Self::IvfSq8h => 5,
            Self::IvfPq => 6,
            Self::SptagKdt => 7,
            Self::SptagBkt => 8,
            Self::BinFlat => 9,
            Self::BinIvfFlat => 10,
            Self::Hnsw => 11,
            Self::Annoy => 12,
        }
    }

    /// Returns the name that clients of 1.x use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown(_) => "INVALID",
            Self::Flat => "FLAT",
            Self::IvfFlat => "IVF_FLAT",
            Self::IvfSq8 => "IVF_SQ8",
            Self::Rnsg => "RNSG",
            Self::IvfSq8h => "IVF_SQ8H",
            Self::IvfPq => "IVF_PQ",
            Self::SptagKdt => "SPTAG_KDT",
            Self::SptagBkt => "SPTAG_BKT",
            Self::BinFlat => "BIN_FLAT",
            Self::BinIvfFlat => "BIN_IVF_FLAT",
            Self::Hnsw => "HNSW",
            Self::Annoy => "ANNOY",
        }
    }
}

/// What a row of `TableFiles` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A segment that is being filled.
    New,
    /// Raw vectors.
    Raw,
    /// Raw vectors that wait for their index.
    ToIndex,
    /// An index.
    Index,
    /// Something to be deleted.
    ToDelete,
    /// A segment that is being merged.
    NewMerge,
    /// An index that is being built.
    NewIndex,
    /// Raw vectors whose index is built.
    Backup,
}

impl FileType {
    /// Returns the type of a `file_type`.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::New,
            1 => Self::Raw,
            2 => Self::ToIndex,
            3 => Self::Index,
            4 => Self::ToDelete,
            5 => Self::NewMerge,
            6 => Self::NewIndex,
            7 => Self::Backup,
            _ => return None,
        })
    }

    /// Returns the name, in upper case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Raw => "RAW",
            Self::ToIndex => "TO_INDEX",
            Self::Index => "INDEX",
            Self::ToDelete => "TO_DELETE",
            Self::NewMerge => "NEW_MERGE",
            Self::NewIndex => "NEW_INDEX",
            Self::Backup => "BACKUP",
        }
    }

    /// Returns the type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (0..=7).filter_map(Self::from_code).find(|kind| kind.name() == name)
    }

    /// Returns whether such a row makes its segment live.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Raw | Self::ToIndex | Self::Index | Self::Backup)
    }

    /// Returns whether such a row stands for raw vectors.
    #[must_use]
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Raw | Self::ToIndex | Self::Backup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_inverse() {
        for code in 1..=7 {
            assert_eq!(Metric::from_code(code).unwrap().code(), code);
        }
        for code in -1..=13 {
            assert_eq!(Engine::from_code(code).code(), code);
        }
        for code in 0..=7 {
            let kind = FileType::from_code(code).unwrap();
            assert_eq!(FileType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Metric::from_code(0), None);
        assert_eq!(FileType::from_code(8), None);
    }

    #[test]
    fn float_metrics_are_l2_and_ip_alone() {
        let binary: Vec<i64> = (1..=7).filter(|&code| Metric::from_code(code).unwrap().is_binary()).collect();
        assert_eq!(binary, [3, 4, 5, 6, 7]);
    }

    #[test]
    fn segments_live_by_types_1_2_3_and_7() {
        let live: Vec<i64> = (0..=7).filter(|&code| FileType::from_code(code).unwrap().is_live()).collect();
        assert_eq!(live, [1, 2, 3, 7]);
    }
}
