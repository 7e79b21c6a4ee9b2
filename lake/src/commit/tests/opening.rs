//! Opening: again, elsewhere, damaged, and by other programs.

use std::fs;

use iceberg::{Catalog as _, CatalogBuilder as _};

use super::super::*;
use super::{Place, append, count_rows, position};

#[tokio::test]
async fn appends_survive_reopening() {
    let place = Place::new();
    let lake = place.open().await;
    let Changed::Committed(snapshots) = append(&lake, 0, 10).await.unwrap() else {
        panic!("nothing was there before")
    };
    assert_eq!((snapshots[0].rows, snapshots[0].files), (10, 1));
    drop(lake);

    let lake = place.open().await;
    assert_eq!(position(&lake, Table::RawTrades).await, Some(10));
    append(&lake, 10, 15).await.unwrap();
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 15);
    let status =
        lake.tables().await.unwrap().into_iter().find(|status| status.table == Table::RawTrades).unwrap();
    assert_eq!((status.rows, status.files, status.snapshots), (15, 2, 2));
    assert_eq!(lake.data_files(Table::RawTrades).await.unwrap().positions.len(), 1);
    assert_eq!(count_rows(&lake, Table::Trades).await, 0);
}

#[tokio::test]
async fn the_catalog_is_one_that_iceberg_knows() {
    let place = Place::new();
    append(&place.open().await, 0, 5).await.unwrap();
    let uri = format!("sqlite:{}", place.catalog().display());
    let builder = iceberg_catalog_sql::SqlCatalogBuilder::default()
        .uri(uri)
        .warehouse_location(crate::storage::location_of(&place.warehouse()).unwrap())
        .sql_bind_style(iceberg_catalog_sql::SqlBindStyle::QMark);
    let storage = Arc::new(crate::storage::DurableFilesFactory);
    let catalog = builder.with_storage_factory(storage).load(CATALOG_NAME, HashMap::new()).await.unwrap();
    for table in Table::ALL {
        let namespace = iceberg::NamespaceIdent::new(table.namespace().to_owned());
        assert!(catalog.namespace_exists(&namespace).await.unwrap(), "{table}");
        let loaded =
            catalog.load_table(&iceberg::TableIdent::new(namespace, table.name().to_owned())).await.unwrap();
        let expected = usize::from(table == Table::RawTrades);
        assert_eq!(loaded.metadata().snapshots().len(), expected, "{table}");
    }
}

#[tokio::test]
async fn a_damaged_catalog_is_named() {
    let place = Place::new();
    fs::create_dir_all(place.catalog().parent().unwrap()).unwrap();
    fs::write(place.catalog(), b"this is no database, however long it is made to look").unwrap();
    let error = place.open_error().await;
    assert!(matches!(error, LakeError::CorruptCatalog { .. }), "{error:?}");
    assert!(error.to_string().contains("catalog.db"), "{error}");
}

#[tokio::test]
async fn a_lost_catalog_is_no_empty_lake() {
    let place = Place::new();
    append(&place.open().await, 0, 5).await.unwrap();
    for file in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        _ = fs::remove_file(place.catalog().with_file_name(file));
    }
    assert!(matches!(place.open_error().await, LakeError::CatalogLost { .. }));
}

#[tokio::test]
async fn a_missing_or_different_warehouse_is_refused() {
    let place = Place::new();
    place.open().await;
    let elsewhere = place.folder.path().join("elsewhere");
    let missing = Lake::open(&place.catalog(), &elsewhere).await.unwrap_err();
    assert!(matches!(missing, LakeError::WarehouseMissing { .. }), "{missing}");
    fs::create_dir(&elsewhere).unwrap();
    let address = LakeAddress::local(&place.catalog(), &elsewhere);
    for different in [Lake::open_at(&address).await, Lake::open_unchecked(&address).await] {
        let error = different.unwrap_err();
        assert!(matches!(error, LakeError::OutsideWarehouse { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let place = Place::new();
    fs::write(place.folder.path().join("new"), b"a file where a folder should be").unwrap();
    let error = place.open_error().await;
    assert!(matches!(error, LakeError::Create { .. }), "{error}");

    let read_only = Place::new();
    make_read_only(read_only.folder.path());
    if fs::create_dir(read_only.folder.path().join("probe")).is_ok() {
        eprintln!("SKIPPED: this user may write to read-only folders");
        return;
    }
    let error = read_only.open_error().await;
    assert!(matches!(error, LakeError::Create { .. }), "{error}");
}

#[tokio::test]
async fn a_table_of_another_layout_is_refused() {
    let place = Place::new();
    let lake = place.open().await;
    let pointers = lake.inner.catalog.pointers().await.unwrap();
    let trades = lake.inner.version(Table::Trades, &pointers).await.unwrap();
    let mistaken = TableVersion {
        table: Table::RawTrades,
        location: trades.location.clone(),
        metadata: trades.metadata.clone(),
    };
    let error = lake.inner.check_layout(&mistaken).unwrap_err();
    assert!(matches!(error, LakeError::LayoutDiffers { what: "partitions", .. }), "{error}");
}

fn make_read_only(folder: &Path) {
    let mut permissions = fs::metadata(folder).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder, permissions).unwrap();
}
