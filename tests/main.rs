// SPDX-License-Identifier: Apache-2.0
//! The integration tests of m2m, one binary for all of them: whatever links
//! DataFusion is large and slow to link.

mod audit;
mod audit_page;
mod cli;
mod clouds;
mod config;
mod copy;
mod damage;
mod databases;
mod deletes;
mod dropin;
mod enriched;
mod faults;
mod faults_milvus;
mod faults_proxy;
mod faults_s3;
mod files;
mod fuzz;
mod guide;
mod house;
mod if_exists;
mod interrupted;
mod kill;
mod leftovers;
mod mapping;
mod mariadb;
mod measure;
mod milvus;
mod milvus_tls;
mod mutation;
mod numpy;
mod numpy_tables;
mod partial;
mod planned;
mod recover;
mod remote;
mod resume;
mod shell;
mod slt;
mod streamed;
mod support;
mod trust;
mod truth;
mod verify;
mod whole;
