// SPDX-License-Identifier: Apache-2.0
//! The names that a session knows, for completion and for commands.

use std::sync::Arc;

use datafusion::catalog::information_schema::{
    INFORMATION_SCHEMA, INFORMATION_SCHEMA_TABLES, InformationSchemaProvider,
};
use datafusion::catalog::{CatalogProvider, SchemaProvider};
use datafusion::prelude::SessionContext;
use m2m_datasource::{COLLECTIONS, INSPECT};

use crate::nearest::nearest;

/// Collections beyond which the views over all of them are not planned for
/// their columns: a prompt is not waited for.
const MANY: usize = 100;

/// Names of schemas, tables, columns and functions, each in order.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) default_schema: String,
    pub(super) schemas: Vec<Schema>,
    /// Functions of values, of groups and of windows.
    pub(super) functions: Vec<String>,
    /// Functions that stand where a table does.
    pub(super) table_functions: Vec<String>,
}

/// A schema and its tables.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) name: String,
    pub(super) tables: Vec<Table>,
}

/// A table or a view, and its columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

impl Names {
    /// Reads the names of the default catalog. No data is read; a table whose
    /// schema cannot be had is known without columns.
    pub(super) async fn read(ctx: &SessionContext) -> Self {
        let state = ctx.state();
        let catalogs = &state.config_options().catalog;
        let mut names = Self {
            default_schema: catalogs.default_schema.clone(),
            functions: [
                state.scalar_functions().keys().collect::<Vec<_>>(),
                state.aggregate_functions().keys().collect(),
                state.window_functions().keys().collect(),
            ]
            .concat()
            .into_iter()
            .cloned()
            .collect(),
            table_functions: state.table_functions().keys().cloned().collect(),
            schemas: Vec::new(),
        };
        if let Some(catalog) = state.catalog_list().catalog(&catalogs.default_catalog) {
            names.schemas = schemas(catalog.as_ref()).await;
        }
        if catalogs.information_schema {
            let provider = InformationSchemaProvider::new(Arc::clone(state.catalog_list()));
            let tables = INFORMATION_SCHEMA_TABLES.iter().map(|name| (*name).to_owned()).collect();
            names.schemas.push(schema(INFORMATION_SCHEMA.to_owned(), &provider, tables).await);
        }
        names.sort();
        names
    }

    fn sort(&mut self) {
        for names in [&mut self.functions, &mut self.table_functions] {
            names.sort();
            names.dedup();
        }
        self.schemas.sort_by(|one, other| one.name.cmp(&other.name));
        for schema in &mut self.schemas {
            schema.tables.sort_by(|one, other| one.name.cmp(&other.name));
            schema.tables.dedup_by(|one, other| one.name == other.name);
        }
    }

    /// Returns the schema that a name means, in any case when that is unique.
    pub(super) fn schema(&self, name: &str) -> Option<&Schema> {
        meant(&self.schemas, name, |schema| &schema.name)
    }

    /// Returns the table that a name means, with its schema: one of the schema that is
    /// named, or of the default schema, or the only one of this name elsewhere.
    pub(super) fn table(&self, schema: Option<&str>, table: &str) -> Option<(&Schema, &Table)> {
        let of = |schema: &'_ Schema| schema.table(table).map(|found| found.name.clone());
        if let Some(schema) = schema {
            let schema = self.schema(schema)?;
            return Some((schema, schema.table(table)?));
        }
        let default = self.schema(&self.default_schema).filter(|schema| of(schema).is_some());
        let mut elsewhere = self.schemas.iter().filter(|schema| of(schema).is_some());
        let schema = match default {
            Some(schema) => schema,
            None => elsewhere.next().filter(|_| elsewhere.next().is_none())?,
        };
        Some((schema, schema.table(table)?))
    }

    /// Returns where there is a table of this name, ready for a message.
    pub(super) fn schemas_with(&self, table: &str) -> Vec<String> {
        let found = self.schemas.iter().filter_map(|schema| Some((schema, schema.table(table)?)));
        found.map(|(schema, table)| format!("`{}.{}`", schema.name, table.name)).collect()
    }

    /// Returns the name of a table that is most like this one, if one is much like it.
    pub(super) fn nearest_table(&self, name: &str) -> Option<String> {
        let of_default = |table: &Table| table.name.clone();
        let others = self.schemas.iter().filter(|schema| schema.name != self.default_schema);
        let qualified = others
            .flat_map(|schema| schema.tables.iter().map(|table| format!("{}.{}", schema.name, table.name)));
        let default = self.schema(&self.default_schema).into_iter().flat_map(|schema| &schema.tables);
        let known: Vec<String> = default.map(of_default).chain(qualified).collect();
        nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
    }
}

impl Schema {
    fn table(&self, name: &str) -> Option<&Table> {
        meant(&self.tables, name, |table| &table.name)
    }
}

/// The one with exactly this name, or the only one that differs in case alone.
fn meant<'a, T>(all: &'a [T], name: &str, name_of: impl Fn(&T) -> &String) -> Option<&'a T> {
    all.iter().find(|one| name_of(one) == name).or_else(|| {
        let lower = name.to_lowercase();
        let mut alike = all.iter().filter(|one| name_of(one).to_lowercase() == lower);
        alike.next().filter(|_| alike.next().is_none())
    })
}

async fn schemas(catalog: &dyn CatalogProvider) -> Vec<Schema> {
    let collections = catalog.schema(COLLECTIONS).map_or(0, |schema| schema.table_names().len());
    let mut schemas = Vec::new();
    for name in catalog.schema_names() {
        let Some(provider) = catalog.schema(&name) else { continue };
        let tables = provider.table_names();
        schemas.push(match name == INSPECT && collections > MANY {
            true => without_columns(name, tables),
            false => schema(name, provider.as_ref(), tables).await,
        });
    }
    schemas
}

fn without_columns(name: String, tables: Vec<String>) -> Schema {
    let tables = tables.into_iter().map(|name| Table { name, columns: Vec::new() });
    Schema { name, tables: tables.collect() }
}

async fn schema(name: String, provider: &dyn SchemaProvider, names: Vec<String>) -> Schema {
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let table = provider.table(&name).await.ok().flatten();
        let columns =
            table.map(|table| table.schema().fields().iter().map(|field| field.name().clone()).collect());
        tables.push(Table { name, columns: columns.unwrap_or_default() });
    }
    Schema { name, tables }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[tokio::test]
    async fn names_of_all_schemas_are_read() {
        let names = Names::read(&testing::session().await).await;
        let schemas: Vec<&str> = names.schemas.iter().map(|schema| schema.name.as_str()).collect();
        assert_eq!(schemas, ["collections", "information_schema", "meta"]);
        let (schema, table) = names.table(None, "float_l2").unwrap();
        assert_eq!(
            (schema.name.as_str(), table.columns.as_slice()),
            ("collections", &["id".to_owned(), "vector".to_owned(), "partition_tag".to_owned()][..])
        );
        let (_, tables) = names.table(Some("information_schema"), "tables").unwrap();
        assert!(tables.columns.iter().any(|column| column == "table_name"), "{tables:?}");
        for function in ["count", "abs", "row_number"] {
            assert!(names.functions.iter().any(|known| known == function), "{function}");
        }
    }

    #[tokio::test]
    async fn tables_are_found_by_case_and_elsewhere_only_when_that_is_unique() {
        let names = Names::read(&testing::session().await).await;
        let found = |schema, table| {
            names.table(schema, table).map(|(schema, table)| format!("{}.{}", schema.name, table.name))
        };
        assert_eq!(found(None, "photos").as_deref(), Some("collections.Photos"));
        assert_eq!(found(None, "segments").as_deref(), Some("meta.segments"));
        assert_eq!(found(Some("META"), "Segments").as_deref(), Some("meta.segments"));
        // `collections` has one, `meta` another of the same name: the default schema's is meant.
        assert_eq!(found(None, "tables").as_deref(), Some("collections.tables"));
        // `columns` and `views` of the information schema alone.
        assert_eq!(found(None, "columns").as_deref(), Some("information_schema.columns"));
        assert_eq!(found(None, "nothing"), None);
        assert_eq!(found(Some("nothing"), "segments"), None);
        assert_eq!(names.nearest_table("flota_l2").as_deref(), Some("float_l2"));
        assert_eq!(names.nearest_table("meta.segmnts").as_deref(), Some("meta.segments"));
    }
}
