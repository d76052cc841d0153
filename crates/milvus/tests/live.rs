use m2m_milvus::*;
use std::error::Error as _;
use std::time::{Duration, Instant};

fn chain(e: &Error) -> String {
    let mut s = format!("{e}");
    let mut c = e.source();
    while let Some(x) = c {
        s += &format!(" <- {x}");
        c = x.source();
    }
    s
}

async fn run(opts: ConnectOptions) {
    let c = Client::connect(&opts).await.unwrap();
    println!("version {} db created {:?}", c.version(), c.ensure_database().await);
    println!("again {:?}", c.ensure_database().await);
    println!("missing: {:?}", c.describe_collection("dev_milvus_none").await);
    for (k, name, vt, idx, metric) in [
        ("f", "dev_milvus_f", VectorType::Float(24), "IVF_PQ", "L2"),
        ("b", "dev_milvus_b", VectorType::Binary(64), "BIN_IVF_FLAT", "TANIMOTO"),
    ] {
        let _ = c.release(name).await;
        let _ = c.drop_collection(name).await;
        let new = NewCollection {
            name: name.into(),
            id_field: "id".into(),
            vector_field: "vec".into(),
            vector: vt,
            shards: 1,
            description: "d ü".into(),
        };
        c.create_collection(&new).await.unwrap();
        c.create_collection(&new).await.unwrap();
        println!(
            "other def: {}",
            chain(
                &c.create_collection(&NewCollection { vector: VectorType::Float(8), ..new.clone() })
                    .await
                    .unwrap_err()
            )
        );
        println!("{:?}", c.describe_collection(name).await.unwrap());
        let tags = ["_default", "2019", "new york"];
        let names = mapping::partition_names(&tags);
        for p in &names[1..] {
            c.create_partition(name, p).await.unwrap();
        }
        println!("dup partition: {:?}", c.create_partition(name, "2019").await);
        println!("bad partition: {}", chain(&c.create_partition(name, "a b").await.unwrap_err()));
        println!("{:?}", c.list_partitions(name).await.unwrap());
        println!("index before: {:?}", c.index_progress(name, "vec").await.map_err(|e| chain(&e)));
        println!("load before index: {:?}", c.load(name, false).await.map_err(|e| chain(&e)));
        println!("percent before load: {:?}", c.load_percent(name).await.map_err(|e| chain(&e)));
        let files = |d: &str| vec![format!("dev_milvus/{d}/id.npy"), format!("dev_milvus/{d}/vec.npy")];
        for (f, p) in [
            (files("bad"), "_default"),
            (vec!["dev_milvus/none/id.npy".into(), "dev_milvus/none/vec.npy".into()], "2019"),
            (files(&format!("{k}/a")), "2019"),
            (files(&format!("{k}/a")), names[2].as_str()),
        ] {
            let task = c.import(name, p, &f).await.unwrap();
            let t = Instant::now();
            let mut last = None;
            loop {
                let s = c.import_state(task).await.unwrap();
                if last.as_ref() != Some(&s) {
                    println!("{:?} {s:?}", t.elapsed());
                    last = Some(s.clone());
                }
                if matches!(s.phase, ImportPhase::Completed | ImportPhase::Failed) {
                    break;
                }
                assert!(t.elapsed() < Duration::from_secs(120));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        println!("unknown task {}", chain(&c.import_state(TaskId(5)).await.unwrap_err()));
        println!("unknown partition {}", chain(&c.import(name, "nope", &files("f/a")).await.unwrap_err()));
        println!("no files {}", chain(&c.import(name, "2019", &[]).await.unwrap_err()));
        c.flush(name).await.unwrap();
        let m = mapping::metric(metric, c.version()).unwrap();
        let spec = mapping::index(idx, r#"{"nlist":"16","m":8}"#, &m.value, vt, c.version()).unwrap();
        println!("{m:?} {spec:?}");
        println!(
            "bad index: {}",
            chain(
                &c.create_index(name, "vec", &IndexSpec { index_type: "ANNOY".into(), ..spec.value.clone() })
                    .await
                    .unwrap_err()
            )
        );
        c.create_index(name, "vec", &spec.value).await.unwrap();
        let t = Instant::now();
        let mut last = None;
        loop {
            let p = c.index_progress(name, "vec").await.unwrap();
            if last.as_ref() != Some(&p) {
                println!("{:?} {p:?}", t.elapsed());
                last = Some(p.clone());
            }
            if p.done() && p.total_rows >= 6000 {
                break;
            }
            assert!(t.elapsed() < Duration::from_secs(200));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!("count unloaded: {}", chain(&c.count(name, None).await.unwrap_err()));
        c.load(name, false).await.unwrap();
        let t = Instant::now();
        let mut last = 255;
        loop {
            let p = c.load_percent(name).await.unwrap();
            if p != last {
                println!("{:?} {p}%", t.elapsed());
                last = p;
            }
            if p >= 100 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        c.load(name, true).await.unwrap();
        println!("after refresh {:?}", c.load_percent(name).await);
        println!(
            "count {:?} {:?} {:?} {:?}",
            c.count(name, None).await,
            c.count(name, Some("2019")).await,
            c.count(name, Some(&names[2])).await,
            c.count(name, Some("_default")).await
        );
        println!("count nope: {}", chain(&c.count(name, Some("nope")).await.unwrap_err()));
        let raw = std::fs::read(format!("/tmp/mv_live/{k}/ids.bin")).unwrap();
        let ids: Vec<i64> = raw.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
        let vec = std::fs::read(format!("/tmp/mv_live/{k}/vec.bin")).unwrap();
        let rb = vec.len() / ids.len();
        let mut ask = ids.clone();
        ask.push(777_777);
        ask.push(i64::MAX);
        let rows = c.query_by_ids(name, Some("2019"), "id", "vec", &ask).await.unwrap();
        assert_eq!(rows.row_bytes, rb);
        assert_eq!(rows.ids.len(), ids.len());
        let want: std::collections::HashMap<i64, &[u8]> = ids.iter().copied().zip(vec.chunks(rb)).collect();
        for (id, v) in rows.ids.iter().zip(rows.vectors.chunks(rb)) {
            assert_eq!(want[id], v, "{id}");
        }
        println!("{} rows identical", rows.ids.len());
        println!("no ids {:?}", c.query_by_ids(name, None, "id", "vec", &[]).await);
        println!("unknown ids {:?}", c.query_by_ids(name, None, "id", "vec", &[777_777]).await);
        println!(
            "min {}",
            c.query_by_ids(name, None, "id", "vec", &[i64::MIN])
                .await
                .map_or_else(|e| chain(&e), |r| format!("{r:?}"))
        );
        println!("bad field {}", chain(&c.query_by_ids(name, None, "id", "vector", &[1]).await.unwrap_err()));
        c.release(name).await.unwrap();
        c.drop_collection(name).await.unwrap();
    }
    println!("drop missing {:?}", c.drop_collection("dev_milvus_none").await);
    println!("list partitions missing {}", chain(&c.list_partitions("dev_milvus_none").await.unwrap_err()));
    println!(
        "bad name {}",
        chain(
            &c.create_collection(&NewCollection {
                name: "a-b".into(),
                id_field: "id".into(),
                vector_field: "v".into(),
                vector: VectorType::Float(2),
                shards: 1,
                description: String::new()
            })
            .await
            .unwrap_err()
        )
    );
    let t = Instant::now();
    println!(
        "import missing {} {:?}",
        chain(&c.import("dev_milvus_none", "_default", &["a/id.npy".into()]).await.unwrap_err()),
        t.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plain() {
    tokio::spawn(run(ConnectOptions::default())).await.unwrap();
}

#[tokio::test]
async fn auth() {
    let o = |credentials, database: Option<&str>| ConnectOptions {
        uri: "http://127.0.0.1:19630".into(),
        credentials,
        database: database.map(Into::into),
        ..Default::default()
    };
    println!("none: {}", chain(&Client::connect(&o(Credentials::None, None)).await.unwrap_err()));
    let wrong =
        o(Credentials::UserPassword { user: "root".into(), password: Secret::new("swordfish".into()) }, None);
    let e = Client::connect(&wrong).await.unwrap_err();
    println!("wrong: {} {:?}", chain(&e), e);
    println!(
        "bad token: {}",
        chain(&Client::connect(&o(Credentials::Token(Secret::new("zzz".into())), None)).await.unwrap_err())
    );
    println!(
        "token: {:?}",
        Client::connect(&o(Credentials::Token(Secret::new("root:Milvus".into())), None)).await.unwrap()
    );
    run(o(
        Credentials::UserPassword { user: "root".into(), password: Secret::new("Milvus".into()) },
        Some("dev_milvus_db"),
    ))
    .await;
    run(o(Credentials::UserPassword { user: "root".into(), password: Secret::new("Milvus".into()) }, None))
        .await;
}

#[tokio::test]
async fn strange() {
    for uri in [
        "127.0.0.1:19333",
        "https://127.0.0.1:19530",
        "10.255.255.1:19530",
        "nowhere.invalid:19530",
        "127.0.0.1:1",
    ] {
        let t = Instant::now();
        let e = Client::connect(&ConnectOptions { uri: uri.into(), ..Default::default() }).await.unwrap_err();
        println!("{uri} {:?}: {}", t.elapsed(), chain(&e));
    }
}
