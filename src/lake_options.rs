//! Where the lake is: flags, environment and configuration, for every command that opens it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use depthlake_lake::address::{
    CatalogAddress, LakeAddress, S3Credentials, S3Settings, Secret, WarehouseAddress,
};
use depthlake_lake::commit::Lake;

use crate::arguments::DataOption;
use crate::configuration::{Configuration, S3Configuration};
use crate::data_folder::DataFolder;

/// The catalog that is in the data folder.
const SQLITE: &str = "sqlite";

#[derive(Debug, Args)]
pub struct LakeOptions {
    #[command(flatten)]
    data: DataOption,
    /// Who knows the tables: sqlite (in the data folder), `postgres://USER@HOST/DATABASE`, or a REST catalog,
    /// http(s)://HOST/PATH [default: sqlite].
    #[arg(long, env = "DEPTHLAKE_CATALOG", value_name = "CATALOG", hide_env_values = true)]
    catalog: Option<String>,
    /// Where the tables' files lie: a folder, or `s3://BUCKET/PREFIX` [default: in the data folder].
    #[arg(long, env = "DEPTHLAKE_WAREHOUSE", value_name = "WAREHOUSE")]
    warehouse: Option<String>,
}

/// The lake of a command, and the folder of what is this machine's alone.
#[derive(Debug, Clone)]
pub struct LakePlace {
    pub folder: PathBuf,
    address: LakeAddress,
}

impl LakeOptions {
    pub fn folder(&self, configuration: &Configuration) -> PathBuf {
        self.data.folder(configuration)
    }

    /// # Errors
    /// Where an address is none, or a catalog is shared but no warehouse is named.
    pub fn place(&self, configuration: &Configuration) -> Result<LakePlace> {
        let folder = self.folder(configuration);
        let local = DataFolder::at(&folder);
        let of_lake = &configuration.lake;
        let catalog = self.catalog.as_deref().or(of_lake.catalog.as_ref().map(Secret::reveal));
        let catalog = match catalog.filter(|&catalog| catalog != SQLITE) {
            None => CatalogAddress::Sqlite(local.catalog()),
            Some(text) => with_token(text.parse().context("the catalog")?, of_lake.catalog_token.as_ref()),
        };
        let warehouse = match self.warehouse.as_ref().or(of_lake.warehouse.as_ref()) {
            Some(text) => with_settings(text.parse().context("the warehouse")?, &of_lake.s3)?,
            None if matches!(catalog, CatalogAddress::Sqlite(_)) => {
                WarehouseAddress::Folder(local.warehouse())
            }
            None => bail!(
                "the catalog {catalog} is shared, so its warehouse must be named: --warehouse s3://BUCKET/PREFIX, or a folder that all machines have"
            ),
        };
        Ok(LakePlace { folder, address: LakeAddress { catalog, warehouse } })
    }
}

impl LakePlace {
    /// The lake in a data folder.
    pub fn local(folder: &DataFolder) -> Self {
        let address = LakeAddress::local(&folder.catalog(), &folder.warehouse());
        Self { folder: folder.path().to_owned(), address }
    }

    /// Opens the lake, or makes it.
    pub async fn open(&self) -> Result<Lake> {
        Ok(Lake::open_at(&self.address).await?)
    }

    /// Opens a lake that a run has made already.
    pub async fn existing(&self) -> Result<Lake> {
        self.check_existing()?;
        self.open().await
    }

    /// As [`LakePlace::existing`], whatever the layout of its tables is.
    pub async fn existing_unchecked(&self) -> Result<Lake> {
        self.check_existing()?;
        Ok(Lake::open_unchecked(&self.address).await?)
    }

    fn check_existing(&self) -> Result<()> {
        match self.address.catalog {
            CatalogAddress::Sqlite(_) => DataFolder::existing(&self.folder).map(drop),
            _ => Ok(()),
        }
    }
}

fn with_token(mut catalog: CatalogAddress, token: Option<&Secret>) -> CatalogAddress {
    if let CatalogAddress::Rest(rest) = &mut catalog {
        rest.token =
            std::env::var("DEPTHLAKE_CATALOG_TOKEN").ok().map(Secret::from).or_else(|| token.cloned());
    }
    catalog
}

fn with_settings(mut warehouse: WarehouseAddress, s3: &S3Configuration) -> Result<WarehouseAddress> {
    let credentials = match (&s3.access_key_id, &s3.secret_access_key) {
        (None, None) => None,
        (Some(id), Some(secret)) => {
            Some(S3Credentials { access_key_id: id.clone(), secret_access_key: secret.clone() })
        }
        _ => bail!("lake.s3 needs access_key_id and secret_access_key, both or none"),
    };
    if let WarehouseAddress::S3(address) = &mut warehouse {
        address.settings =
            S3Settings { endpoint: s3.endpoint.clone(), region: s3.region.clone(), credentials };
    }
    Ok(warehouse)
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        lake: LakeOptions,
    }

    fn place(arguments: &[&str], configuration: &str) -> Result<LakePlace> {
        let command =
            <Only as clap::CommandFactory>::command().mut_args(|argument| argument.env(None::<&str>));
        let matches = command.get_matches_from([&["depthlake"], arguments].concat());
        let options = Only::from_arg_matches(&matches).unwrap().lake;
        options.place(&toml::from_str(configuration).unwrap())
    }

    #[test]
    fn without_options_all_lies_in_the_data_folder() {
        let place = place(&["--data", "d"], "").unwrap();
        let folder = DataFolder::at("d".as_ref());
        assert_eq!(place.address, LakeAddress::local(&folder.catalog(), &folder.warehouse()));
    }

    #[test]
    fn flags_go_before_the_configuration_and_secrets_are_not_shown() {
        let configuration = "[lake]\ncatalog = 'postgres://ana:hidden@db/lake'\nwarehouse = 's3://b/p'\n\
            [lake.s3]\nendpoint = 'http://s3'\naccess_key_id = 'id'\nsecret_access_key = 'hidden'";
        let configured = place(&[], configuration).unwrap();
        let shown = format!("{configured:?}");
        assert!(shown.contains("postgres://ana@db/lake") && shown.contains("http://s3"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
        let flagged = place(&["--catalog", "sqlite", "--warehouse", "folder"], configuration).unwrap();
        assert_eq!(flagged.address.warehouse, WarehouseAddress::Folder("folder".into()));
        assert!(matches!(flagged.address.catalog, CatalogAddress::Sqlite(_)));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let error = place(&["--catalog", "https://host"], "").unwrap_err().to_string();
        assert!(error.contains("--warehouse"), "{error}");
        let error = place(&["--catalog", "postgres//ana:hidden@db"], "").unwrap_err();
        assert!(!format!("{error:#}").contains("hidden"), "{error:#}");
        let error =
            place(&["--warehouse", "s3://b"], "[lake.s3]\naccess_key_id = 'id'").unwrap_err().to_string();
        assert!(error.contains("both or none"), "{error}");
    }
}
