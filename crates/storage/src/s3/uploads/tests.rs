// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::environment::Environment;
use crate::options::{BucketOptions, Cloud};

fn decoded(body: &str) -> Vec<(String, String)> {
    let page = Page::decode(body.as_bytes()).unwrap();
    let below = page.uploads.into_iter().filter_map(|upload| upload.below(&Path::from("a/b")));
    below.map(|upload| (upload.path.to_string(), upload.id().to_owned())).collect()
}

fn answer(inside: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket>{inside}</ListMultipartUploadsResult>"#
    )
}

fn url(options: BucketOptions, marker: &Marker) -> String {
    let options = BucketOptions {
        region: Some("r-1".into()),
        access_key: Some("key".into()),
        secret_key: Some("secret".into()),
        ..options
    };
    let s3 = S3::new("bucket", &options, &Environment::default()).unwrap();
    s3.uploads_url(&Path::from("a/b c"), marker).unwrap().to_string()
}

#[test]
fn answer_of_seaweedfs_is_read() {
    let body = answer(
        "<Delimiter></Delimiter><EncodingType></EncodingType><IsTruncated>false</IsTruncated><KeyMarker></KeyMarker>\
         <MaxUploads>10000</MaxUploads><Prefix>a/b/</Prefix>\
         <Upload><Initiated>2026-11-21T20:40:49Z</Initiated><Key>a/b/x+y.npy</Key><UploadId>14_b7</UploadId></Upload>\
         <Upload><Initiated>2026-11-21T20:40:49Z</Initiated><Key>a/b/ü&amp;&lt;x&gt; %.npy</Key><UploadId>db_4d</UploadId></Upload>",
    );
    let expected = [("a/b/x+y.npy", "14_b7"), ("a/b/ü&<x> %.npy", "db_4d")];
    assert_eq!(decoded(&body), expected.map(|(key, id)| (key.to_owned(), id.to_owned())));
}

#[test]
fn answer_of_aws_is_read() {
    let body = answer(
        "<KeyMarker/><UploadIdMarker/><NextKeyMarker>a/b/z</NextKeyMarker><NextUploadIdMarker>Yw</NextUploadIdMarker>\
         <MaxUploads>1000</MaxUploads><IsTruncated>true</IsTruncated>\
         <Upload><Key>a/b/z</Key><UploadId>XM</UploadId><Initiator><ID>arn</ID><DisplayName>u</DisplayName></Initiator>\
         <Owner><ID>75</ID><DisplayName>o</DisplayName></Owner><StorageClass>STANDARD</StorageClass>\
         <Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload><CommonPrefixes><Prefix>a/c/</Prefix></CommonPrefixes>",
    );
    assert_eq!(decoded(&body), [("a/b/z".to_owned(), "XM".to_owned())]);
    let page = Page::decode(body.as_bytes()).unwrap();
    let next = page.next(&Marker::default()).unwrap().unwrap();
    assert_eq!(next, Marker { key: "a/b/z".into(), upload_id: "Yw".into() });
    // The same page again would never end.
    assert!(page.next(&next).is_err());
}

#[test]
fn pages_go_on_where_the_server_says() {
    let next = |inside: &str| {
        let body = answer(&format!("<IsTruncated>true</IsTruncated>{inside}"));
        Page::decode(body.as_bytes()).unwrap().next(&Marker::default())
    };
    // SeaweedFS lists by ids, and takes a key for the only one that is wanted.
    let by_id = next("<NextUploadIdMarker>54_96</NextUploadIdMarker>").unwrap().unwrap();
    assert_eq!(by_id, Marker { key: String::new(), upload_id: "54_96".into() });
    let options = BucketOptions { endpoint: Some("http://host:9000".into()), ..BucketOptions::default() };
    assert_eq!(
        url(options, &by_id),
        "http://host:9000/bucket?max-uploads=1000&uploads=&prefix=a%2Fb%20c%2F&upload-id-marker=54_96"
    );
    assert!(next("").is_err());
    assert!(next("<NextKeyMarker/><NextUploadIdMarker></NextUploadIdMarker>").is_err());
}

#[test]
fn uploads_elsewhere_are_left_out() {
    for key in ["a/b", "a/bc/x", "a", "", "/a/b/x", "a/b/", "a/b//x", "a/b/../x", "a/b/./x", "A/b/x"] {
        let body = answer(&format!(
            "<IsTruncated>false</IsTruncated><Upload><Key>{key}</Key><UploadId>1</UploadId></Upload>"
        ));
        assert_eq!(decoded(&body), [], "{key}");
    }
}

#[test]
fn answer_that_is_no_list_is_an_error() {
    let upload = "<Upload><Key>a/b/x</Key></Upload>";
    for body in [
        "",
        "nothing",
        "<html><body>login</body></html>",
        "<Error><Code>SlowDown</Code></Error>",
        &answer("")[..],
        &answer("<IsTruncated>maybe</IsTruncated>"),
        &answer(&format!("<IsTruncated>false</IsTruncated>{upload}")),
        &answer("<IsTruncated>false</IsTruncated><Upload>"),
        &answer("<IsTruncated>false</IsTruncated>")[..150],
        "\u{0}\u{1}",
    ] {
        let error = Page::decode(body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("the answer is no list of uploads"), "{body}: {error}");
    }
    assert!(Page::decode(&[0xff, 0xfe, 0x00]).is_err());
}

#[test]
fn every_dialect_is_asked_at_the_bucket() {
    let cloud = |cloud| BucketOptions { cloud: Some(cloud), ..BucketOptions::default() };
    let query = "?max-uploads=1000&uploads=&prefix=a%2Fb%20c%2F";
    for (options, expected) in [
        (cloud(Cloud::Aws), "https://s3.r-1.amazonaws.com/bucket"),
        (
            BucketOptions { virtual_hosted: Some(true), ..cloud(Cloud::Aws) },
            "https://bucket.s3.r-1.amazonaws.com/",
        ),
        (cloud(Cloud::Gcp), "https://storage.googleapis.com/bucket"),
        (cloud(Cloud::Ali), "https://bucket.oss-r-1.aliyuncs.com/"),
        (cloud(Cloud::Tencent), "https://bucket.cos.r-1.myqcloud.com/"),
    ] {
        assert_eq!(url(options, &Marker::default()), format!("{expected}{query}"));
    }
}
